/** What each way out would mean for a document: the answer of `nbkeep/api/leaving`, in words. Pure. */
import { type Answer, readAnswer } from '../findings/answer';
import { fields, list, text } from '../status';

export type Gate = 'download' | 'export' | 'share' | 'publish';
export type Decision = 'allow' | 'redact' | 'review' | 'deny';

/** Why: for what was found something is decided, by a rule. */
export interface Because {
  readonly found: string;
  readonly decision: Decision;
  /** Whose rule it is, as "set for everything". */
  readonly whose: string;
}

export interface Verdict {
  readonly decision: Decision;
  readonly because: readonly Because[];
}

export interface Advice {
  readonly isReady: boolean;
  readonly answer: Answer;
  /** Why the file is not what is in the tab; empty where it is. */
  readonly notSaved: string;
  readonly gates: Readonly<Record<Gate, Verdict>>;
}

/** A way out as it is shown. */
export interface Way {
  readonly gate: Gate;
  readonly label: string;
  readonly about: string;
}

export const WAYS: readonly Way[] = [
  { gate: 'download', label: 'Download', about: 'The file as it is, for yourself.' },
  { gate: 'export', label: 'Export', about: 'For yourself, in another form.' },
  { gate: 'share', label: 'Share', about: 'People and projects that you name see it in the portal, for a while.' },
  { gate: 'publish', label: 'Publish', about: 'It stands in the gallery, for everybody who is signed in.' }
];

/** As what a document may be exported; the words of the portal's form. */
export interface Form {
  readonly form: string;
  readonly label: string;
}

const NOTEBOOK_FORMS: readonly Form[] = [
  { form: 'html', label: 'Page (HTML)' },
  { form: 'pdf', label: 'PDF' },
  { form: 'slides', label: 'Slides' },
  { form: 'ipynb', label: 'Notebook' },
  { form: 'script', label: 'Script' }
];
const OTHER_FORMS: readonly Form[] = [{ form: 'original', label: 'The file as it is' }];

export function formsOf(path: string): readonly Form[] {
  return /\.ipynb$/i.test(path) ? NOTEBOOK_FORMS : OTHER_FORMS;
}

const DECISIONS: readonly Decision[] = ['allow', 'redact', 'review', 'deny'];

/** An unknown word is no leave. */
function readDecision(value: unknown): Decision {
  return DECISIONS.find(one => one === value) ?? 'deny';
}

function readVerdict(value: unknown): Verdict {
  const raw = fields(value);
  return {
    decision: readDecision(raw.decision),
    because: list(raw.because, one => ({ found: text(one.found), decision: readDecision(one.decision), whose: text(one.whose) }))
  };
}

/** The advice from its JSON; what is malformed is left out, and never an allowance. */
export function readAdvice(value: unknown): Advice {
  const raw = fields(value);
  const gates = fields(raw.gates);
  return {
    isReady: raw.state === 'examined',
    answer: readAnswer({ ...raw, blocked: null }),
    notSaved: text(raw.not_saved),
    gates: {
      download: readVerdict(gates.download),
      export: readVerdict(gates.export),
      share: readVerdict(gates.share),
      publish: readVerdict(gates.publish)
    }
  };
}

export const BADGES: Readonly<Record<Decision, string>> = {
  allow: 'Allowed',
  redact: 'Redacted first',
  review: 'Needs a review',
  deny: 'Denied'
};

const MEANS: Readonly<Record<Decision, string>> = {
  allow: 'Nothing stands in its way.',
  redact: 'What was found is taken out first.',
  review: 'Somebody else looks at it first, and decides.',
  deny: 'As it is now, it may not leave this way.'
};

const FOUND: Readonly<Record<string, string>> = {
  secret: 'secrets',
  personal: 'personal data',
  unread: 'what could not be read',
  nothing: 'every document'
};

/** What follows, and by whose rule: "Somebody else looks at it first, and decides. Why: secrets (the default)." */
export function reason(verdict: Verdict): string {
  const counting = verdict.because.filter(one => one.decision === verdict.decision && one.decision !== 'allow');
  // What holds for every document is no matter of this one.
  const means = verdict.decision === 'deny' && counting.some(one => one.found === 'nothing') ? 'Nothing may leave this way.' : MEANS[verdict.decision];
  const rules = counting.map(one => `${FOUND[one.found] ?? one.found} (${one.whose})`);
  return rules.length > 0 ? `${means} Why: ${rules.join(', ')}.` : means;
}

/** The portal's form that asks to let a file leave, filled in. `portal` ends with a slash. */
export function formAddress(portal: string, path: string, gate: Gate, form: string): string {
  const query = new URLSearchParams({ path, gate });
  if (form) {
    query.set('form', form);
  }
  return `${portal}releases/new?${query.toString()}`;
}

/** The portal's page that shows a file without running any of it. */
export function safelyAddress(portal: string, path: string, session: string): string {
  const query = new URLSearchParams({ path });
  if (session) {
    query.set('session', session);
  }
  return `${portal}open-safely?${query.toString()}`;
}
