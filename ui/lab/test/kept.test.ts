import { describe, expect, test } from 'vitest';

import { isMoving, type Kept, kernelSentence, keptSentence, problemSentence, readKept, type ResumedKernel, resumedSentence, toTell } from '../src/kept';
import { clock } from '../src/words';
import { at, GIB, NOW } from './some';

function kept(changes: Partial<Kept> = {}): Kept {
  return { keeps: true, saved_at: at(-60), bytes: 1.2 * GIB, saving: false, problems: [], resumed: null, ...changes };
}

function kernel(changes: Partial<ResumedKernel> = {}): ResumedKernel {
  return { path: 'a.ipynb', name: 'python3', language: 'python', status: 'restored', reason: '', kept: 12, lost: [], ...changes };
}

const lost = { name: 'conn', type: 'Connection', reason: 'A connection to a server ends with the session' };

describe('a kept state from the wire', () => {
  test('is read whole', () => {
    const wire = {
      keeps: true,
      saved_at: at(0),
      bytes: 5,
      saving: true,
      problems: [{ path: 'a.ipynb', reason: 'It is too large' }, { path: 'b.ipynb' }],
      resumed: { saved_at: at(0), kernels: [{ ...kernel(), lost: [lost] }] }
    };
    const read = readKept(wire);
    expect(read).toMatchObject({ keeps: true, saved_at: at(0), bytes: 5, saving: true });
    expect(read.resumed?.kernels[0]?.lost[0]).toEqual(lost);
    expect(read.problems.map(problemSentence)).toEqual(['a.ipynb was not saved: It is too large.']);
  });

  test.each([null, {}, 'no', { resumed: 'x', keeps: 'yes' }])('of nonsense keeps nothing and throws nothing: %j', wire => {
    expect(readKept(wire).keeps).toBe(false);
    expect(readKept(wire).resumed?.kernels ?? []).toEqual([]);
  });

  test('with a fate that we do not know counts as failed, so that nobody relies on it', () => {
    expect(readKept({ resumed: { kernels: [{ status: 'fine' }] } }).resumed?.kernels[0]?.status).toBe('failed');
  });

  test('moves while it saves or brings back', () => {
    expect(isMoving(kept())).toBe(false);
    expect(isMoving(kept({ saving: true }))).toBe(true);
    expect(isMoving(kept({ resumed: { saved_at: null, kernels: [kernel({ status: 'restoring' })] } }))).toBe(true);
  });
});

describe('the words', () => {
  test('tell when and how much was saved', () => {
    expect(keptSentence(kept(), NOW)).toBe(`State kept: saved ${clock(at(-60), NOW)} (1.2 GiB).`);
    expect(keptSentence(kept({ saved_at: null }), NOW)).toBe('Kept when the session stops. Not saved yet.');
    expect(keptSentence(kept({ saving: true }), NOW)).toMatch(/^Saving/);
    expect(keptSentence(kept({ keeps: false }), NOW)).toMatch(/^Not kept/);
  });

  test('tell what is back, what is not, and what starts cold', () => {
    const kernels = [kernel(), kernel({ kept: 1, lost: [lost] }), kernel({ status: 'not-kept', language: 'R' })];
    expect(resumedSentence({ saved_at: null, kernels }, NOW)).toBe(
      'Your session is resumed. 13 variables of 2 notebooks are back. 1 variable could not be kept. 1 notebook starts without variables.'
    );
    expect(resumedSentence({ saved_at: null, kernels: [kernel({ status: 'restoring' })] }, NOW)).toContain(
      'Bringing back the variables of a.ipynb'
    );
  });

  test('of one kernel give the reason', () => {
    expect(kernelSentence(kernel())).toBe('12 variables are back.');
    expect(kernelSentence(kernel({ kept: 1, lost: [lost] }))).toBe('1 variable is back; not these:');
    expect(kernelSentence(kernel({ status: 'not-kept', language: 'R' }))).toBe('Variables of R kernels are not kept.');
    expect(kernelSentence(kernel({ status: 'failed', reason: 'the file is damaged' }))).toBe(
      'Its variables could not be brought back: the file is damaged.'
    );
  });

  test('name only kernels of which something is missing', () => {
    const kernels = [kernel(), kernel({ lost: [lost] }), kernel({ status: 'failed' }), kernel({ status: 'restoring' })];
    expect(toTell({ saved_at: null, kernels })).toEqual([kernels[1], kernels[2]]);
  });
});
