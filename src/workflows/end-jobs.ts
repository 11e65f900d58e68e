import { ActivityFailure, TimeoutFailure, isCancellation } from '@temporalio/workflow';
import { FRESH_LADDER } from '../domain/attempts.js';
import type { JobIdentity, JobOutcome, StopReason } from '../domain/job.js';
import { oneLine } from '../domain/text.js';
import { isLive, stageOf, type JobRecord } from '../domain/run-state.js';
import { cancelJobOn } from './activity-options.js';
import type { RunContext } from './run-context.js';

const MAX_CAUSE = 300;

export const identityOf = (ctx: RunContext, record: JobRecord): JobIdentity => ({
  key: record.key,
  run: ctx.state.run,
  runUid: ctx.state.runUid,
  stage: record.stage,
  round: record.round,
  attempt: record.attempt,
  ...(record.server === undefined ? {} : { server: record.server }),
});

/**
 * Stops the live jobs of a stage (of all stages where none is named) and waits until they are gone; a job that was only
 * placed is kept from ever starting. A job that can't be stopped in time is left to the sweep: the run goes on.
 */
export async function endJobsOf(ctx: RunContext, stage: string | undefined, reason: StopReason): Promise<void> {
  const live = ctx.state.jobs.filter((job) => isLive(job) && (stage === undefined || job.stage === stage));
  await Promise.all(live.map((job) => endJob(ctx, job, reason)));
}

async function endJob(ctx: RunContext, job: JobRecord, reason: StopReason): Promise<void> {
  const ladder = stageOf(ctx.state, job.stage).ladder ?? FRESH_LADDER;
  let outcome: JobOutcome | undefined;
  let said = reason === 'cancelled' ? 'the run ended' : `the job was ${reason}`;
  try {
    ({ outcome } = await cancelJobOn(job.queue).cancelJob({ identity: identityOf(ctx, job), executor: job.executor, reason }));
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    said = whyNotEnded(error);
    ctx.emit({ type: 'noted', stage: job.stage, text: `${job.key}: ${said}` });
  }
  if (job.server === undefined) ctx.emit({ type: 'job_ended', key: job.key, state: 'cancelled', outcome, ladder, reason: said });
  else ctx.emit({ type: 'server_ended', key: job.key, state: 'cancelled', outcome, reason: said });
}

/** What a run says of a job that it gave up stopping. */
export function whyNotEnded({ cause }: ActivityFailure): string {
  if (cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_START') return 'its host did not answer; the sweep ends what is left of it when it is back';
  // A time-out of the whole may carry what the last try met.
  const said = cause instanceof TimeoutFailure ? (cause.cause?.message ?? 'it took too long') : (cause?.message ?? 'the reason is not known');
  return `it could not be stopped: ${oneLine(said, MAX_CAUSE)}; the sweep tries again`;
}
