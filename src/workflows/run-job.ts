import { FRESH_LADDER, judgeAttempt } from '../domain/attempts.js';
import { jobKey } from '../domain/ids.js';
import type { JobOutcome } from '../domain/job.js';
import { jobOf, stageOf, type JobRecord, type JobRecordState } from '../domain/run-state.js';
import type { SiteView } from '../domain/site-view.js';
import type { JobPlan } from '../domain/sections.js';
import { failure } from '../temporal-failure.js';
import { cancelJobOn, readSite } from './activity-options.js';
import { identityOf } from './end-jobs.js';
import { executorOf } from './executor-of.js';
import { attemptJob, type StageJob } from './job-attempt.js';
import type { RunContext } from './run-context.js';
import { StageTrouble } from './stage-trouble.js';

/**
 * Runs a stage's job until one attempt has succeeded and returns its outcome. Re-entrant: a job that was placed or
 * submitted before is found again by its key, a back-off goes on, and a rung of the ladder that was given up stays so.
 * Throws StageTrouble when no automatic choice is left.
 */
export async function runJob(ctx: RunContext, job: StageJob): Promise<JobOutcome> {
  for (;;) {
    const stage = stageOf(ctx.state, job.stage);
    const ladder = stage.ladder ?? FRESH_LADDER;
    const plan = job.ladder[ladder.index];
    if (plan === undefined) throw failure('spec_invalid', `the stage ${job.stage} has no attempt ${ladder.index}`);
    if (ladder.retryAt !== undefined) await ctx.sleepUntil(`backoff:${job.stage}:${stage.attempts}`, ladder.retryAt, `Backing off before attempt ${stage.attempts + 1} of ${job.stage}`);

    const site = await readSite();
    ctx.useLimits(site.limits);
    const record = jobOf(ctx.state, stage.job) ?? place(ctx, job, plan, site);
    const outcome = await attemptJob(ctx, job, plan, record, site);
    if (outcome === undefined) continue;
    if (outcome.state === 'lost') {
      // Whatever is left of a lost job must be gone before another attempt starts; the fence holds even if it is not.
      await ctx.wait(`replace:${record.key}`, () => cancelJobOn(record.queue).cancelJob({ identity: identityOf(ctx, record), executor: record.executor, reason: 'replaced', graceMs: 0 }));
    }
    const verdict = settle(ctx, job, plan, record, outcome);
    if (verdict !== undefined) return verdict;
  }
}

function place(ctx: RunContext, job: StageJob, plan: JobPlan, site: SiteView): JobRecord {
  const executor = executorOf(site, plan);
  const stage = stageOf(ctx.state, job.stage);
  const attempt = stage.attempts + 1;
  const key = jobKey({ runUid: ctx.state.runUid, stage: job.stage, round: stage.round, attempt });
  ctx.emit({ type: 'job_placed', stage: job.stage, key, attempt, backend: plan.backend, simulated: plan.simulated, executor: plan.executor, queue: executor.queue });
  const record = jobOf(ctx.state, key);
  if (record === undefined) throw new RangeError(`the job ${key} was not placed`);
  return record;
}

/** How an attempt that is not the last one ended: a job that went to sleep with its worker has not failed. */
function endStateOf(outcome: JobOutcome): JobRecordState {
  if (outcome.state === 'lost') return 'lost';
  return outcome.exit?.stopReason === 'suspended' ? 'suspended' : 'failed';
}

/** Writes down how the attempt ended and what follows; returns the outcome when the stage is done with it. */
function settle(ctx: RunContext, job: StageJob, plan: JobPlan, record: JobRecord, outcome: JobOutcome): JobOutcome | undefined {
  const verdict = judgeAttempt(plan, job.ladder.length, stageOf(ctx.state, job.stage).ladder ?? FRESH_LADDER, outcome);
  const { key } = record;
  const passedOver = outcome.passedOver ?? [];
  if (passedOver.length > 0) ctx.emit({ type: 'noted', stage: job.stage, text: `attempt ${record.attempt} passed over ${passedOver.join('; ')}` });
  switch (verdict.verdict) {
    case 'done':
      ctx.emit({ type: 'job_ended', key, state: 'done', outcome, ladder: verdict.ladder });
      return outcome;
    case 'again': {
      const retryAt = new Date(Date.now() + verdict.waitMs).toISOString();
      ctx.emit({ type: 'job_ended', key, state: endStateOf(outcome), outcome, ladder: { ...verdict.ladder, retryAt }, reason: verdict.reason, failure: verdict.failure });
      return undefined;
    }
    case 'next_backend': {
      ctx.emit({ type: 'job_ended', key, state: endStateOf(outcome), outcome, ladder: verdict.ladder, reason: verdict.reason, failure: verdict.failure });
      const next = job.ladder[verdict.ladder.index];
      if (next !== undefined) ctx.emit({ type: 'fell_back', stage: job.stage, from: plan.backend, to: next.backend, reason: verdict.reason });
      return undefined;
    }
    case 'ask':
      ctx.emit({ type: 'job_ended', key, state: endStateOf(outcome), outcome, ladder: verdict.ladder, reason: verdict.reason, failure: verdict.failure });
      throw new StageTrouble(verdict.failure);
    case 'cancelled': {
      const trouble = { kind: 'unknown', message: 'the job was cancelled by hand', owner: 'requester', nextAction: 'ask_human' } as const;
      ctx.emit({ type: 'job_ended', key, state: 'cancelled', outcome, ladder: verdict.ladder, reason: trouble.message, failure: trouble });
      throw new StageTrouble(trouble);
    }
  }
}
