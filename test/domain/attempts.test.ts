import { describe, expect, it } from 'vitest';
import { FRESH_LADDER, judgeAttempt, type AttemptVerdict, type LadderState } from '../../src/domain/attempts.js';
import { JobPlan } from '../../src/domain/sections.js';
import type { JobExit, JobOutcome } from '../../src/domain/job.js';
import { at, digest, frozen } from './kit.js';

const PLAN = JobPlan.parse({ command: ['train'], failures: 3, tryAgain: 2, backoff: '1 second', backoffMax: '5 seconds' });

const exit = (exitCode: number | null, change: Partial<JobExit> = {}): JobExit => ({ exitCode, signal: null, startedAt: at(0), endedAt: at(1), outputs: {}, ...change });
const outcome = (change: Partial<JobOutcome> = {}): JobOutcome => ({ state: 'exited', starts: 1, lastLines: [], lineCount: 0, ...change });
const exited = (code: number | null, step?: number, change: Partial<JobExit> = {}): JobOutcome =>
  outcome({ exit: exit(code, change), ...(step === undefined ? {} : { checkpoint: { step, path: 'c', digest: digest(step), bytes: 1, backend: 'cpu', attempt: 1, at: at(1) } }) });
const LOST = outcome({ state: 'lost' });

const judge = (what: JobOutcome, before: LadderState = FRESH_LADDER, rungs = 1): AttemptVerdict => judgeAttempt(PLAN, rungs, frozen(before), frozen(what));

/** The verdicts of one outcome after another, each from where the one before left the ladder. */
function run(outcomes: readonly JobOutcome[], rungs = 1): { verdicts: string[]; waits: (number | undefined)[]; ladder: LadderState } {
  let ladder: LadderState = FRESH_LADDER;
  const verdicts: string[] = [];
  const waits: (number | undefined)[] = [];
  for (const what of outcomes) {
    const verdict = judge(what, ladder, rungs);
    verdicts.push(verdict.verdict);
    waits.push('waitMs' in verdict ? verdict.waitMs : undefined);
    ladder = verdict.ladder;
  }
  return { verdicts, waits, ladder };
}

describe('an attempt', () => {
  it('is done with exit 0, and only when its outputs exist', () => {
    expect(judge(exited(0)).verdict).toBe('done');
    const missing = judge(exited(0, undefined, { problem: { kind: 'missing_output', message: 'the output model does not exist' } }));
    expect(missing).toMatchObject({ verdict: 'again', failure: { kind: 'missing_file', message: 'the output model does not exist', owner: 'requester' } });
  });

  it('is tried again after exit 75, and costs a failure only when that has led nowhere for long', () => {
    const { verdicts, ladder } = run([exited(75), exited(75), exited(75)]);
    expect(verdicts).toEqual(['again', 'again', 'again']);
    expect(ladder).toMatchObject({ again: 0, failures: 1 });
  });

  it('asks a person at once about a wrong configuration, a program that does not start, and a full disk', () => {
    expect(judge(exited(78), FRESH_LADDER, 2)).toMatchObject({ verdict: 'ask', failure: { kind: 'user_error', owner: 'requester', nextAction: 'ask_human' } });
    expect(judge(exited(null, undefined, { problem: { kind: 'spawn_failed', message: 'no such program' } }), FRESH_LADDER, 2)).toMatchObject({ verdict: 'ask', failure: { kind: 'user_error', message: 'no such program' } });
    expect(judge(exited(1, undefined, { problem: { kind: 'storage_full', message: 'no space left' } }), FRESH_LADDER, 2)).toMatchObject({ verdict: 'ask', failure: { kind: 'storage_full', owner: 'platform' } });
  });

  it('tells of any other exit with the last line of its log', () => {
    const verdict = judge(outcome({ exit: exit(1), lastLines: ['a', 'RuntimeError: boom', '  '], lineCount: 17 }));
    expect(verdict).toMatchObject({ verdict: 'again', reason: 'the job exited with code 1: RuntimeError: boom; 1 of 3 failures without progress' });
    expect('failure' in verdict ? verdict.failure : undefined).toEqual({ kind: 'unknown', message: 'the job exited with code 1: RuntimeError: boom', rootLine: 'RuntimeError: boom', lineNumber: 17, owner: 'requester', nextAction: 'retry_same_place' });
  });

  it('that a signal ended, or that was lost, is a failure like another', () => {
    expect(judge(exited(null, undefined, { signal: 'SIGKILL' }))).toMatchObject({ verdict: 'again', failure: { message: 'the job was ended by SIGKILL' } });
    expect(judge(LOST)).toMatchObject({ verdict: 'again', failure: { kind: 'node_failure', owner: 'platform' }, ladder: { failures: 1 } });
    expect(judge(exited(null, undefined, { problem: { kind: 'fenced', message: 'a newer attempt holds the epoch' } }))).toMatchObject({ verdict: 'again', failure: { kind: 'node_failure' } });
  });

  it('that was swept although its run lives is tried again, backing off, and not for ever', () => {
    const orphaned = exited(null, undefined, { stopReason: 'orphaned', signal: 'SIGKILL' });
    const { verdicts, waits } = run(Array.from({ length: 200 }, () => orphaned));
    expect(verdicts[0]).toBe('again');
    expect(waits[1]).toBeGreaterThan(waits[0] ?? 0);
    expect(verdicts).toContain('ask');
  });

  it('that was suspended costs nothing and starts again at once, however often', () => {
    const suspended = exited(75, undefined, { stopReason: 'suspended' });
    const { verdicts, waits, ladder } = run(Array.from({ length: 50 }, () => suspended));
    expect(new Set(verdicts)).toEqual(new Set(['again']));
    expect(new Set(waits)).toEqual(new Set([0]));
    expect(ladder).toEqual(FRESH_LADDER);
  });

  it('that was cancelled is neither done nor tried again, whatever its exit code', () => {
    for (const code of [0, 75, 1, null]) expect(judge(exited(code, undefined, { stopReason: 'cancelled' })).verdict).toBe('cancelled');
  });

  it('keeps the texts of logs short and on one line', () => {
    const verdict = judge(outcome({ exit: exit(1), lastLines: [`\u202e${'x'.repeat(480)}\r\n`], lineCount: 1 }));
    expect('failure' in verdict ? verdict.failure?.message.length : 0).toBe(400);
    expect(verdict.verdict === 'again' && verdict.reason).not.toMatch(/[\r\n\u202e]/);
  });
});

describe('the ladder of attempts', () => {
  it('counts failures without progress, then takes the next backend, and asks after the last', () => {
    const { verdicts } = run(Array.from({ length: 6 }, () => exited(1)), 2);
    expect(verdicts).toEqual(['again', 'again', 'next_backend', 'again', 'again', 'ask']);
  });

  it('forgets the failures of before when a later checkpoint is reached, and never while the same is reached again', () => {
    const { verdicts, ladder } = run([exited(1, 10), exited(1, 20), exited(1, 30), exited(1, 30), exited(1, 30), exited(1, 25)]);
    expect(verdicts).toEqual(['again', 'again', 'again', 'again', 'ask', 'ask']);
    expect(ladder.bestStep).toBe(30);
  });

  it('goes on for ever as long as each try gets further', () => {
    const { verdicts } = run(Array.from({ length: 500 }, (_, i) => exited(i % 2 === 0 ? 1 : 75, i)));
    expect(new Set(verdicts)).toEqual(new Set(['again']));
  });

  it('resets the count of exits 75 with progress too', () => {
    const { ladder } = run([exited(75, 1), exited(75, 1), exited(75, 2), exited(75, 2)]);
    expect(ladder).toMatchObject({ again: 2, failures: 0 });
  });

  it('counts a checkpoint at step 0 as progress', () => {
    expect(judge(exited(1, 0)).ladder).toMatchObject({ bestStep: 0, failures: 1 });
    expect(judge(exited(1, 0), { ...FRESH_LADDER, failures: 2 }).verdict).toBe('again');
  });

  it('starts the next backend with a fresh budget, and with the best step so far', () => {
    const verdict = judge(exited(1, 5), { index: 0, failures: 2, again: 1, bestStep: 7 }, 2);
    expect(verdict).toMatchObject({ verdict: 'next_backend', ladder: { index: 1, failures: 0, again: 0, bestStep: 7 } });
  });

  it('backs off twice as long each time, up to its maximum, and never by an endless number', () => {
    const plan = JobPlan.parse({ command: ['x'], failures: 100, backoff: '1 second', backoffMax: '5 seconds' });
    const wait = (failures: number): number | undefined => {
      const verdict = judgeAttempt(plan, 1, { ...FRESH_LADDER, failures }, exited(1));
      return verdict.verdict === 'again' ? verdict.waitMs : undefined;
    };
    expect([0, 1, 2, 3, 4, 60, 98].map(wait)).toEqual([1000, 2000, 4000, 5000, 5000, 5000, 5000]);
    expect(run([exited(75), exited(75)]).waits).toEqual([1000, 2000]);
  });

  it('asks after the first failure where the budget is one', () => {
    const once = JobPlan.parse({ command: ['x'], failures: 1 });
    expect(judgeAttempt(once, 1, FRESH_LADDER, exited(1)).verdict).toBe('ask');
    expect(judgeAttempt(once, 2, FRESH_LADDER, exited(1)).verdict).toBe('next_backend');
  });
});
