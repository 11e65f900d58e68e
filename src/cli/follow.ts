import type { RunStatusView } from '../domain/status.js';
import { describeRun, type DescribeInput } from '../client/describe.js';
import { ClientError, EXIT_UNREACHABLE } from '../client/errors.js';
import type { CliContext } from './context.js';
import { EXIT } from './errors.js';
import { pause } from './output.js';

/** As often as a person can follow; each look costs the server two small calls. */
const LOOK_EVERY_MS = 1000;
/** Whoever follows a run has time: a worker on a busy machine is not taken for none. */
const QUERY_TIMEOUT_MS = 5000;
/** So many looks in a row may fail before following ends: a restart of the server takes seconds. */
const MAX_UNREACHABLE = 30;

export interface FollowInput extends DescribeInput {
  context: CliContext;
  /** Called with each look. Returning true ends the following. */
  onView: (view: RunStatusView) => boolean | void;
}

/**
 * Looks at a run until it has ended, `onView` has seen enough, or the command is interrupted. A server that is away for a
 * moment is waited for. Resolves with the last view.
 */
export async function follow({ context, onView, ...input }: FollowInput): Promise<RunStatusView> {
  let last: RunStatusView | undefined;
  for (let unreachable = 0; ; ) {
    try {
      last = await describeRun({ timeoutMs: QUERY_TIMEOUT_MS, ...input });
      unreachable = 0;
      if (onView(last) === true || last.endedAt !== null || context.signal.aborted) return last;
    } catch (error) {
      const away = error instanceof ClientError && error.exitCode === EXIT_UNREACHABLE;
      if (!away || last === undefined || ++unreachable > MAX_UNREACHABLE) throw error;
      if (unreachable === 1) context.stderr.write(`${error.message}; trying again\n`);
      if (context.signal.aborted) return last;
    }
    await pause(LOOK_EVERY_MS, context.signal);
  }
}

/** The exit code that a run's state stands for. */
export function exitCodeOf(state: RunStatusView['state']): number {
  switch (state) {
    case 'completed':
      return EXIT.done;
    case 'failed':
    case 'rejected':
    case 'cancelled':
    case 'terminated':
      return EXIT.negative;
    case 'waiting':
    case 'running':
      return EXIT.undecided;
  }
}
