/** Shows what would be decided about a document at each way out, before anything leaves, and lets one be chosen. */
import { Dialog, ReactWidget } from '@jupyterlab/apputils';
import * as React from 'react';

import { type Answer, where } from '../findings/answer';
import { type Advice, BADGES, formsOf, type Gate, reason, type Verdict, type Way, WAYS } from './advice';

/** What the person has chosen. `isAllowed`: a download that needs nobody's leave. */
export interface Choice {
  gate: Gate;
  form: string;
  isAllowed: boolean;
}

/** Asks once; rejects where the server says no or does not answer. */
export type Ask = () => Promise<Advice>;

const SHOWN = 4;
const AGAIN_MS = 1_000;

type State = { readonly advice: Advice | null; readonly problem: string };

/** Asks until the document is examined. */
function useAdvice(ask: Ask): State {
  const [state, setState] = React.useState<State>({ advice: null, problem: '' });
  React.useEffect(() => {
    let isGone = false;
    let timer = 0;
    const again = (): void => {
      ask().then(
        advice => {
          if (isGone) {
            return;
          }
          setState({ advice, problem: '' });
          if (!advice.isReady) {
            timer = window.setTimeout(again, AGAIN_MS);
          }
        },
        (error: unknown) => {
          if (!isGone) {
            setState({ advice: null, problem: error instanceof Error ? error.message : 'The session does not answer.' });
          }
        }
      );
    };
    again();
    return () => {
      isGone = true;
      window.clearTimeout(timer);
    };
  }, [ask]);
  return state;
}

function Found(props: { answer: Answer }): React.ReactElement {
  const { findings, more, unread } = props.answer;
  const lines = [
    ...findings.map(one => ({ name: one.title, masked: one.masked, place: where(one), tone: one.kind })),
    ...unread.map(one => ({ name: 'Not read', masked: '', place: one.cell || one.part || one.inside ? `${where(one)}: it ${one.reason}` : `It ${one.reason}`, tone: 'unread' }))
  ];
  const rest = lines.length - SHOWN + more;
  return lines.length === 0 ? (
    <p className="nbkeep-Leaving-clean">Nothing was found in it.</p>
  ) : (
    <ul className="nbkeep-Leaving-found" aria-label="Found in it">
      {lines.slice(0, SHOWN).map((one, at) => (
        <li key={at} className={`nbkeep-mod-${one.tone}`}>
          <strong>{one.name}</strong>
          {one.masked && <code>{one.masked}</code>}
          <span className="nbkeep-quiet">{one.place}</span>
        </li>
      ))}
      {rest > 0 && <li className="nbkeep-quiet">and {rest.toLocaleString('en')} more</li>}
    </ul>
  );
}

function Badge(props: { verdict: Verdict | null }): React.ReactElement {
  const { verdict } = props;
  return verdict ? (
    <span className={`nbkeep-Leaving-badge nbkeep-mod-${verdict.decision}`}>{BADGES[verdict.decision]}</span>
  ) : (
    <span className="nbkeep-Leaving-badge nbkeep-mod-waiting" aria-hidden="true" />
  );
}

function WayOut(props: {
  way: Way;
  verdict: Verdict | null;
  isChosen: boolean;
  children?: React.ReactNode;
  choose: () => void;
}): React.ReactElement {
  const { way, verdict, isChosen } = props;
  const id = `nbkeep-leaving-${way.gate}`;
  return (
    <li className={`nbkeep-Leaving-way${isChosen ? ' nbkeep-mod-chosen' : ''}`}>
      <label>
        <input type="radio" name="nbkeep-leaving" checked={isChosen} aria-describedby={id} onChange={props.choose} />
        <span className="nbkeep-Leaving-name">{way.label}</span>
        <span className="nbkeep-quiet">{way.about}</span>
        <Badge verdict={verdict} />
      </label>
      <div id={id} className="nbkeep-Leaving-reason">
        {verdict && (isChosen || verdict.decision !== 'allow') && <p>{reason(verdict)}</p>}
        {isChosen && props.children}
      </div>
    </li>
  );
}

function Body(props: { path: string; ask: Ask; choice: Choice }): React.ReactElement {
  const { path, choice } = props;
  const { advice, problem } = useAdvice(props.ask);
  const [gate, setGate] = React.useState<Gate>(choice.gate);
  const forms = formsOf(path);
  const [form, setForm] = React.useState(forms[0]?.form ?? '');
  const gates = advice?.isReady ? advice.gates : null;
  choice.gate = gate;
  choice.form = gate === 'export' ? form : '';
  choice.isAllowed = gates?.[gate].decision === 'allow';
  const name = path.slice(path.lastIndexOf('/') + 1);
  return (
    <div className="nbkeep-Leaving">
      <p className="nbkeep-Leaving-file">
        <code title={path}>{name}</code>
      </p>
      {advice?.notSaved && (
        <p className="nbkeep-Leaving-note" role="alert">
          {advice.notSaved} What leaves is the file as it was saved last.
        </p>
      )}
      <div aria-live="polite">
        {problem ? (
          <p className="nbkeep-Leaving-note">What the policies say cannot be told: {problem} The portal says it.</p>
        ) : gates && advice ? (
          <Found answer={advice.answer} />
        ) : (
          <p className="nbkeep-Leaving-busy">Looking through it, its pictures too…</p>
        )}
      </div>
      <ul className="nbkeep-Leaving-ways" role="radiogroup" aria-label="By which way">
        {WAYS.map(way => (
          <WayOut key={way.gate} way={way} verdict={gates?.[way.gate] ?? null} isChosen={gate === way.gate} choose={() => setGate(way.gate)}>
            {way.gate === 'export' && forms.length > 1 && (
              <div className="nbkeep-Leaving-forms" role="radiogroup" aria-label="As what">
                {forms.map(one => (
                  <label key={one.form} className={one.form === form ? 'nbkeep-mod-chosen' : ''}>
                    <input
                      type="radio"
                      className="nbkeep-sr"
                      name="nbkeep-leaving-form"
                      checked={one.form === form}
                      onChange={() => setForm(one.form)}
                    />
                    {one.label}
                  </label>
                ))}
              </div>
            )}
          </WayOut>
        ))}
      </ul>
      <p className="nbkeep-quiet nbkeep-Leaving-foot">
        {gate === 'download' && choice.isAllowed
          ? 'Your browser downloads it now; it is looked at once more before it is sent.'
          : 'The portal opens its form for it in a new tab. There the file is copied, looked at again, and decided about: what stands here is advice.'}
      </p>
    </div>
  );
}

export class LeavingBody extends ReactWidget implements Dialog.IBodyWidget<Choice> {
  constructor(
    private readonly path: string,
    private readonly ask: Ask
  ) {
    super();
    this.addClass('nbkeep-LeavingHost');
  }

  getValue(): Choice {
    return this._choice;
  }

  protected override render(): React.ReactElement {
    return <Body path={this.path} ask={this.ask} choice={this._choice} />;
  }

  private readonly _choice: Choice = { gate: 'export', form: '', isAllowed: false };
}
