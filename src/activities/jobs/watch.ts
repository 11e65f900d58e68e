import { setTimeout as delay } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import type { JobHandle, JobObservation, JobOutcome, WatchHeartbeat } from '../../domain/job.js';
import type { ObserveMemory } from '../../engines/jobs/observe.js';
import type { Executor } from './executors/executor.js';
import type { SecretMask } from './secrets.js';

/** How much of a log the workflow gets to see. */
const TAIL_LINES = 20;
/** Where a line of a log and the message of a problem are cut off. */
const MAX_LINE = 500;
const MAX_MESSAGE = 2000;
/** Often enough for a person to see progress, seldom enough for the server: the SDK throttles further. */
const HEARTBEAT_EVERY_MS = 1000;

export interface WatchOptions {
  pollIntervalMs: number;
  /** Asked for once the job has ended: a secret may have been changed since it began. */
  mask: () => Promise<SecretMask>;
}

/**
 * Looks at a job until it has ended. An executor that can't be reached makes the observation unknown, never the job
 * failed: this then goes on asking for as long as it takes.
 */
export async function observeUntilEnd(executor: Executor, handle: JobHandle, before: WatchHeartbeat | undefined, { pollIntervalMs, mask }: WatchOptions): Promise<JobOutcome> {
  const seen = await observeUntil(executor, handle, before, pollIntervalMs, hasEnded);
  return await outcomeOf(executor, handle, seen, await mask());
}

/** What became of a server that is starting: where it is reached, how it ended before that, or that its time is up. */
export type ServerStart = { url: string } | { outcome: JobOutcome } | { late: true };

/** Looks at a server until it says that it is ready, has ended, or `deadline` (ISO 8601 UTC) has passed by the clock `now`, which is the machine's unless it is given. */
export async function observeUntilReady(executor: Executor, handle: JobHandle, before: WatchHeartbeat | undefined, { pollIntervalMs, mask, now = Date.now, deadline }: WatchOptions & { deadline: string; now?: () => number | Promise<number> }): Promise<ServerStart> {
  const until = Date.parse(deadline);
  const seen = await observeUntil(executor, handle, before, pollIntervalMs, async (looked) => hasEnded(looked) || looked.progress?.readyUrl !== undefined || (await now()) > until);
  // One that has ended is not ready any more, whatever it said before.
  if (hasEnded(seen)) return { outcome: await outcomeOf(executor, handle, seen, await mask()) };
  const url = seen.progress?.readyUrl;
  return url === undefined ? { late: true } : { url };
}

const hasEnded = (seen: JobObservation): boolean => seen.observation === 'ok' && (seen.state === 'exited' || seen.state === 'lost');

async function observeUntil(executor: Executor, handle: JobHandle, before: WatchHeartbeat | undefined, pollIntervalMs: number, enough: (seen: JobObservation) => boolean | Promise<boolean>): Promise<JobObservation> {
  const { cancellationSignal } = Context.current();
  const memory = {};
  let unknownSince = before?.unknownSince;
  let lastBeat = 0;
  for (;;) {
    const seen = await look(executor, handle, memory);
    unknownSince = seen.observation === 'ok' ? undefined : (unknownSince ?? new Date().toISOString());
    if (await enough(seen)) return seen;
    if (Date.now() - lastBeat >= HEARTBEAT_EVERY_MS) {
      lastBeat = Date.now();
      Context.current().heartbeat(beat(handle, seen, unknownSince));
    }
    // Rejects when the activity is cancelled (a deploy, continue-as-new): the watch ends there, the job does not.
    await delay(pollIntervalMs, undefined, { signal: cancellationSignal });
  }
}

async function look(executor: Executor, handle: JobHandle, memory: ObserveMemory): Promise<JobObservation> {
  try {
    return await executor.observe(handle, memory);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    Context.current().log.warn('the executor could not be asked', { key: handle.key, executor: handle.executor, detail });
    return { state: 'running', observation: 'unknown', detail: detail.slice(0, 500), starts: 0 };
  }
}

const beat = (handle: JobHandle, seen: JobObservation, unknownSince: string | undefined): WatchHeartbeat => ({
  handle,
  observation: seen.observation,
  ...(unknownSince === undefined ? {} : { unknownSince }),
  starts: seen.starts,
  ...(seen.progress === undefined ? {} : { progress: seen.progress }),
  ...(seen.checkpoint === undefined ? {} : { checkpoint: seen.checkpoint }),
  at: new Date().toISOString(),
});

/** How a job ended, with the end of its log, free of secrets. */
export async function outcomeOf(executor: Executor, handle: JobHandle, seen: JobObservation, mask: SecretMask): Promise<JobOutcome> {
  const { lines, lineCount } = await executor.tail(handle, TAIL_LINES);
  return {
    state: seen.state === 'lost' ? 'lost' : 'exited',
    exit: seen.exit?.problem === undefined ? seen.exit : { ...seen.exit, problem: { ...seen.exit.problem, message: mask(seen.exit.problem.message, MAX_MESSAGE) } },
    starts: seen.starts,
    progress: seen.progress,
    checkpoint: seen.checkpoint,
    resumedFrom: seen.resumedFrom,
    passedOver: seen.passedOver,
    lastLines: lines.map((line) => mask(line, MAX_LINE)),
    lineCount,
  };
}
