import { FAILURES, type FailureKind, type FailureView } from './failure.js';
import type { JobOutcome } from './job.js';
import type { JobPlan } from './sections.js';
import { oneLine } from './text.js';

/** Where a stage stands on its ladder of attempts. Counters are since the last progress. */
export interface LadderState {
  /** Index of the rung (a backend with its command) that is being tried. */
  index: number;
  failures: number;
  again: number;
  /** The highest step of a whole checkpoint so far; progress is a higher one. */
  bestStep: number | null;
  /** When the next try may start, in ISO 8601 UTC; set while backing off. */
  retryAt?: string;
}

export const FRESH_LADDER: LadderState = { index: 0, failures: 0, again: 0, bestStep: null };

export type AttemptVerdict =
  | { verdict: 'done'; ladder: LadderState }
  | { verdict: 'cancelled'; ladder: LadderState }
  | { verdict: 'again'; ladder: LadderState; waitMs: number; reason: string; failure?: FailureView }
  | { verdict: 'next_backend'; ladder: LadderState; reason: string; failure: FailureView }
  | { verdict: 'ask'; ladder: LadderState; reason: string; failure: FailureView };

/** Exit codes of the job contract. */
const EXIT_TRY_AGAIN = 75;
const EXIT_CONFIGURATION = 78;

/**
 * What to do after an attempt: from its exit code alone, with budgets of failures without progress.
 * `rungs` is how many backends the stage may try.
 */
export function judgeAttempt(plan: JobPlan, rungs: number, before: LadderState, outcome: JobOutcome): AttemptVerdict {
  const step = outcome.checkpoint?.step;
  const progressed = step !== undefined && (before.bestStep === null || step > before.bestStep);
  const ladder: LadderState = {
    index: before.index,
    failures: progressed ? 0 : before.failures,
    again: progressed ? 0 : before.again,
    bestStep: progressed ? step : before.bestStep,
  };
  const exit = outcome.exit;

  if (exit?.stopReason === 'cancelled') return { verdict: 'cancelled', ladder };
  if (exit !== undefined && exit.exitCode === 0 && exit.problem === undefined) return { verdict: 'done', ladder };
  if (exit?.stopReason === 'suspended') return { verdict: 'again', ladder, waitMs: 0, reason: 'the job was suspended with its worker' };

  const failure = describe(outcome);
  // Ended by a sweep although its run lives: that is no failure of the job, and must not go on for ever either.
  const swept = exit?.stopReason === 'orphaned';
  if (swept || exit?.exitCode === EXIT_TRY_AGAIN) {
    ladder.again += 1;
    if (ladder.again <= plan.tryAgain) return { verdict: 'again', ladder, waitMs: backoffMs(plan, ladder.again), reason: `${swept ? 'ended by a sweep' : 'exit 75'}, try ${ladder.again} of ${plan.tryAgain} without progress` };
    ladder.again = 0;
    ladder.failures += 1;
  } else if (exit?.exitCode === EXIT_CONFIGURATION || exit?.problem?.kind === 'spawn_failed' || exit?.problem?.kind === 'storage_full') {
    return { verdict: 'ask', ladder, reason: failure.message, failure };
  } else {
    ladder.failures += 1;
  }

  const count = `${ladder.failures} of ${plan.failures} failures without progress`;
  if (ladder.failures < plan.failures) return { verdict: 'again', ladder, waitMs: backoffMs(plan, ladder.failures), reason: `${failure.message}; ${count}`, failure };
  const reason = `${failure.message}; ${count}`;
  if (before.index + 1 < rungs) return { verdict: 'next_backend', ladder: { ...ladder, index: before.index + 1, failures: 0, again: 0 }, reason, failure };
  return { verdict: 'ask', ladder, reason, failure };
}

function backoffMs(plan: JobPlan, failures: number): number {
  // 2^20 times the shortest back-off is above every allowed maximum; without the cap the product overflows to Infinity.
  return Math.min(plan.backoffMax, plan.backoff * 2 ** Math.min(failures - 1, 20));
}

const KIND_OF_PROBLEM = {
  missing_output: 'missing_file',
  spawn_failed: 'user_error',
  storage_full: 'storage_full',
  storage_error: 'storage_transient',
  fenced: 'node_failure',
  server_failed: 'unknown',
} as const satisfies Record<string, FailureKind>;

function describe(outcome: JobOutcome): FailureView {
  const { exit } = outcome;
  const last = [...outcome.lastLines].reverse().find((line) => line.trim() !== '');
  const kind: FailureKind =
    exit === undefined ? 'node_failure' : exit.problem !== undefined ? KIND_OF_PROBLEM[exit.problem.kind] : exit.exitCode === EXIT_CONFIGURATION ? 'user_error' : 'unknown';
  const how =
    exit === undefined
      ? 'the job\'s processes are gone and left no exit record'
      : (exit.problem?.message ?? (exit.exitCode === null ? `the job was ended by ${exit.signal ?? 'a signal'}` : `the job exited with code ${exit.exitCode}`));
  const showsLog = exit?.problem === undefined && last !== undefined;
  return {
    kind,
    message: oneLine(showsLog ? `${how}: ${last}` : how, 400),
    ...(showsLog ? { rootLine: oneLine(last, 300), lineNumber: outcome.lineCount } : {}),
    owner: FAILURES[kind].owner,
    nextAction: FAILURES[kind].action,
  };
}
