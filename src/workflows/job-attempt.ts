import { CancellationScope, isCancellation } from '@temporalio/workflow';
import type { ArtifactRef } from '../domain/artifact.js';
import { FRESH_LADDER } from '../domain/attempts.js';
import type { JobHandle, JobOutcome, JobRequest, Params } from '../domain/job.js';
import { paramsOf } from '../domain/overrides.js';
import { jobOf, stageOf, type JobRecord } from '../domain/run-state.js';
import type { SiteView } from '../domain/site-view.js';
import type { JobPlan } from '../domain/sections.js';
import { backendLabel } from '../domain/views.js';
import { cancelJobOn, submitJobOn, watchJobOn } from './activity-options.js';
import { identityOf } from './end-jobs.js';
import type { RunContext } from './run-context.js';
import { endServers, failedServer, howItEnded, startServers, type Serving } from './servers.js';

/** A stage's job for `runJob`: what is run, from which artifacts to which. */
export interface StageJob {
  stage: string;
  /** What a spec calls the stage. */
  section: string;
  /** Beside those of the plan: what tells an item of a fan-out from the others. */
  params: Params;
  /** The backends with their commands, in the order in which they are tried. */
  ladder: JobPlan[];
  inputs: Readonly<Record<string, ArtifactRef>>;
  outputs: JobRequest['outputs'];
  /** The servers that run beside each attempt, by name. */
  servers?: Serving['plans'];
}

/**
 * Carries out one attempt. Where it has servers they are up before the job begins, and gone when it has ended; undefined
 * when the attempt was closed without a try, since its servers were ended while it waited for a person.
 */
export async function attemptJob(ctx: RunContext, job: StageJob, plan: JobPlan, record: JobRecord, site: SiteView): Promise<JobOutcome | undefined> {
  const plans = job.servers ?? {};
  if (Object.keys(plans).length === 0) return await watch(ctx, record, await submit(ctx, job, plan, record, site), site);
  if (record.outcome === undefined) {
    const outcome = await served(ctx, job, plan, record, site, plans);
    if (outcome === undefined) return await closeUntried(ctx, record);
    // Written down before the servers are ended: taken up in between, the attempt must not begin anew.
    ctx.emit({ type: 'job_exited', key: record.key, outcome });
  }
  await endServers(ctx, job.stage);
  return withServers(ctx, record);
}

async function served(ctx: RunContext, job: StageJob, plan: JobPlan, record: JobRecord, site: SiteView, plans: Serving['plans']): Promise<JobOutcome | undefined> {
  let { handle } = record;
  // A job that was submitted knows its servers already.
  if (handle === undefined) {
    const up = await startServers(ctx, { plans, inputs: job.inputs, section: job.section, params: job.params }, record, site);
    if (up === undefined) return undefined;
    if ('failed' in up) return up.failed;
    handle = await submit(ctx, job, plan, record, site, up.urls);
  }
  return await watchBeside(ctx, record, handle, site);
}

async function submit(ctx: RunContext, job: StageJob, plan: JobPlan, record: JobRecord, site: SiteView, servers?: JobRequest['servers']): Promise<JobHandle> {
  if (record.handle !== undefined) return record.handle;
  const handle = await ctx.wait(`submit:${record.key}`, () =>
    submitJobOn(record.queue, site.limits, `Submit ${whatOf(record)}`).submitJob({
      ...identityOf(ctx, record),
      backend: plan.backend,
      simulated: plan.simulated,
      executor: plan.executor,
      command: plan.command,
      env: plan.env,
      params: { ...paramsOf(ctx.spec, ctx.state.overrides, job.section, plan), ...job.params },
      inputs: job.inputs,
      code: ctx.input.code,
      outputs: job.outputs,
      servers,
      graceMs: plan.grace,
      loadsFormats: plan.loadsFormats,
      keepCheckpoints: plan.keepCheckpoints,
    }),
  );
  ctx.emit({ type: 'job_submitted', key: record.key, handle });
  return handle;
}

const whatOf = (record: JobRecord): string => `${record.stage} on ${backendLabel(record)}, attempt ${record.attempt}`;

const watch = (ctx: RunContext, record: JobRecord, handle: JobHandle, site: SiteView): Promise<JobOutcome> =>
  ctx.wait(`watch:${record.key}`, () => watchJobOn(record.queue, site.limits, `Run ${whatOf(record)}`).watchJob({ handle }));

/**
 * Watches a job and the servers beside it. A server that ends first makes the attempt a failure at once, and its job is
 * stopped: it would wait for an answer that never comes, or compare with whoever has the port by then.
 */
function watchBeside(ctx: RunContext, record: JobRecord, handle: JobHandle, site: SiteView): Promise<JobOutcome> {
  const servers = serversOf(ctx, record).filter((server) => server.handle !== undefined && server.state === 'running');
  return ctx.wait(`watch:${record.key}`, async () => {
    let first: { record: JobRecord; outcome: JobOutcome } | undefined;
    await CancellationScope.cancellable(async () => {
      const scope = CancellationScope.current();
      const watchOne = async (one: JobRecord, its: JobHandle, what: string): Promise<void> => {
        try {
          const outcome = await watchJobOn(one.queue, site.limits, `Run ${what}`).watchJob({ handle: its });
          if (first !== undefined) return;
          first = { record: one, outcome };
          scope.cancel();
        } catch (error) {
          if (first === undefined || !isCancellation(error)) throw error;
        }
      };
      await Promise.all([watchOne(record, handle, whatOf(record)), ...servers.flatMap((server) => (server.handle === undefined ? [] : [watchOne(server, server.handle, `the ${server.server} server of ${whatOf(server)}`)]))]);
    });
    if (first === undefined) throw new RangeError(`the watch of ${record.key} ended without an end`);
    if (first.record.key === record.key) return first.outcome;
    await cancelJobOn(record.queue).cancelJob({ identity: identityOf(ctx, record), executor: record.executor, reason: 'replaced' });
    return failedServer(ctx, first.record, `the server ${first.record.server} ${howItEnded(first.outcome, ' while the job needed it')}`, first.outcome);
  });
}

const serversOf = (ctx: RunContext, { stage, round, attempt }: JobRecord): JobRecord[] =>
  ctx.state.jobs.filter((job) => job.stage === stage && job.round === round && job.attempt === attempt && job.server !== undefined);

/** The outcome of an attempt in the light of its servers: what was measured against a server that was gone is no result. */
function withServers(ctx: RunContext, main: JobRecord): JobOutcome {
  const outcome = jobOf(ctx.state, main.key)?.outcome;
  if (outcome === undefined) throw new RangeError(`${main.key} has no outcome`);
  const passed = outcome.exit?.exitCode === 0 && outcome.exit.problem === undefined;
  const broken = serversOf(ctx, main).find((server) => server.state === 'failed' || server.state === 'suspended');
  if (broken === undefined) return outcome;
  if (passed) return failedServer(ctx, broken, `the server ${broken.server} ended before the job did: ${broken.reason ?? 'its log says why'}`);
  // Put to sleep with its servers, a job may fail before it hears of that itself.
  const { exit } = outcome;
  return broken.state === 'suspended' && exit !== undefined && exit.stopReason === undefined ? { ...outcome, exit: { ...exit, stopReason: 'suspended' } } : outcome;
}

/** The servers of this attempt were ended before its job began: a key is started once, so another attempt takes over. */
async function closeUntried(ctx: RunContext, record: JobRecord): Promise<undefined> {
  // A submit whose answer was lost may have started it.
  await ctx.wait(`replace:${record.key}`, () => cancelJobOn(record.queue).cancelJob({ identity: identityOf(ctx, record), executor: record.executor, reason: 'replaced' }));
  const ladder = stageOf(ctx.state, record.stage).ladder ?? FRESH_LADDER;
  ctx.emit({ type: 'job_ended', key: record.key, state: 'cancelled', ladder, reason: 'its servers were ended while it waited for a person' });
  return undefined;
}
