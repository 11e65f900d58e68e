import { ActivityFailure, CancellationScope, isCancellation } from '@temporalio/workflow';
import type { ArtifactRef } from '../domain/artifact.js';
import { jobKey } from '../domain/ids.js';
import type { JobOutcome, JobRequest, Params } from '../domain/job.js';
import { paramsOf } from '../domain/overrides.js';
import { isLive, jobOf, type JobRecord, type JobRecordState } from '../domain/run-state.js';
import type { SiteView } from '../domain/site-view.js';
import type { ServerPlan } from '../domain/sections.js';
import { SERVER_NAMES, type ServerName } from '../domain/stage.js';
import { backendLabel } from '../domain/views.js';
import { awaitServerOn, cancelJobOn, submitJobOn } from './activity-options.js';
import { identityOf, whyNotEnded } from './end-jobs.js';
import type { RunContext } from './run-context.js';
import { executorOf } from './executor-of.js';

/** The servers of an attempt, by name, and what they read. */
export interface Serving {
  plans: Readonly<Partial<Record<ServerName, ServerPlan>>>;
  inputs: Readonly<Record<string, ArtifactRef>>;
  /** What a spec calls the stage, and the parameters of an item of a fan-out. */
  section: string;
  params: Params;
}

type Up = { urls: NonNullable<JobRequest['servers']> } | { failed: JobOutcome };

/**
 * Brings up the servers of an attempt and returns where they are; or, when one of them ended or was not ready in time,
 * what that means for the attempt; undefined when they were ended before and can't be started again. Re-entrant: servers
 * that were placed, submitted or ready before are taken up.
 */
export async function startServers(ctx: RunContext, serving: Serving, main: JobRecord, site: SiteView): Promise<Up | undefined> {
  const names = SERVER_NAMES.filter((name) => serving.plans[name] !== undefined);
  for (const name of names) place(ctx, main, name, planOf(serving, name), site);
  const records = (): JobRecord[] => names.map((name) => serverOf(ctx, main, name));
  if (records().some((record) => !isLive(record))) return undefined;

  const unsubmitted = records().filter((record) => record.handle === undefined);
  if (unsubmitted.length > 0) {
    const handles = await ctx.wait(`submit:${main.key}:servers`, () => Promise.all(unsubmitted.map((record) => submit(ctx, serving, record, site))));
    for (const [i, handle] of handles.entries()) ctx.emit({ type: 'job_submitted', key: unsubmitted[i]?.key ?? '', handle });
  }
  const waiting = records().filter((record) => record.url === undefined);
  if (waiting.length > 0) {
    const failed = await ctx.wait(`ready:${main.key}`, () => allReady(ctx, serving, waiting, site));
    if (failed !== undefined) return { failed };
  }
  return { urls: Object.fromEntries(records().map((record) => [record.server ?? '', { url: record.url ?? '', backend: backendLabel(record) }])) };
}

/**
 * Ends the servers of a stage that are still there, each with its own grace. One that can't be stopped stays live in the
 * state: the run tries again at its end, and the sweep before that.
 */
export async function endServers(ctx: RunContext, stage: string): Promise<void> {
  const live = ctx.state.jobs.filter((job) => job.stage === stage && job.server !== undefined && isLive(job));
  if (live.length === 0) return;
  await ctx.wait(`finish:${stage}:${live[0]?.round}:${live[0]?.attempt}`, async () => {
    await Promise.all(live.map((record) => endServer(ctx, record)));
  });
}

async function endServer(ctx: RunContext, record: JobRecord): Promise<void> {
  const note = (text: string): void => ctx.emit({ type: 'noted', stage: record.stage, text: `server ${record.server}: ${text}` });
  let outcome: JobOutcome | undefined;
  try {
    ({ outcome } = await cancelJobOn(record.queue).cancelJob({ identity: identityOf(ctx, record), executor: record.executor, reason: 'finished' }));
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    return note(whyNotEnded(error));
  }
  const state = endStateOf(record, outcome);
  const reason = outcome === undefined || state === 'done' ? undefined : howItEnded(outcome, '');
  if (state === 'failed' && reason !== undefined) note(`${reason}, before its stage was done with it`);
  ctx.emit({ type: 'server_ended', key: record.key, state, outcome, reason });
}

/** Told to end by us, it has done what it had to, if it was ever ready. */
function endStateOf(record: JobRecord, outcome: JobOutcome | undefined): JobRecordState {
  const stopped = outcome?.exit?.stopReason;
  if (stopped === 'suspended') return 'suspended';
  if (outcome !== undefined && (outcome.state === 'lost' || stopped === undefined)) return 'failed';
  return stopped === 'finished' && record.url !== undefined ? 'done' : 'cancelled';
}

const planOf = (serving: Serving, name: ServerName | undefined): ServerPlan => {
  const plan = name === undefined ? undefined : serving.plans[name];
  if (plan === undefined) throw new RangeError(`no server ${name}`);
  return plan;
};

const keyOf = (ctx: RunContext, main: JobRecord, server: ServerName): string => jobKey({ runUid: ctx.state.runUid, stage: main.stage, round: main.round, attempt: main.attempt, server });

function serverOf(ctx: RunContext, main: JobRecord, name: ServerName): JobRecord {
  const record = jobOf(ctx.state, keyOf(ctx, main, name));
  if (record === undefined) throw new RangeError(`the server ${name} was not placed`);
  return record;
}

function place(ctx: RunContext, main: JobRecord, server: ServerName, plan: ServerPlan, site: SiteView): void {
  const key = keyOf(ctx, main, server);
  if (jobOf(ctx.state, key) !== undefined) return;
  const { queue } = executorOf(site, plan);
  ctx.emit({ type: 'server_placed', stage: main.stage, key, server, attempt: main.attempt, backend: plan.backend, simulated: plan.simulated, executor: plan.executor, queue });
}

const what = (record: JobRecord): string => `the ${record.server} server of ${record.stage} on ${backendLabel(record)}, attempt ${record.attempt}`;

function submit(ctx: RunContext, serving: Serving, record: JobRecord, site: SiteView): ReturnType<ReturnType<typeof submitJobOn>['submitJob']> {
  const plan = planOf(serving, record.server);
  return submitJobOn(record.queue, site.limits, `Submit ${what(record)}`).submitJob({
    ...identityOf(ctx, record),
    backend: plan.backend,
    simulated: plan.simulated,
    executor: plan.executor,
    command: plan.command,
    env: plan.env,
    params: { ...paramsOf(ctx.spec, ctx.state.overrides, serving.section, plan), ...serving.params },
    inputs: serving.inputs,
    code: ctx.input.code,
    outputs: {},
    graceMs: plan.grace,
    keepCheckpoints: 1,
    serves: true,
  });
}

/** Waits for all; the first that fails ends the waiting for the others, since a large model may load for half an hour. */
async function allReady(ctx: RunContext, serving: Serving, waiting: readonly JobRecord[], site: SiteView): Promise<JobOutcome | undefined> {
  let failed: JobOutcome | undefined;
  await CancellationScope.cancellable(async () => {
    const scope = CancellationScope.current();
    await Promise.all(
      waiting.map(async (record) => {
        try {
          const problem = await ready(ctx, serving, record, site);
          if (problem === undefined || failed !== undefined) return;
          failed = problem;
          scope.cancel();
        } catch (error) {
          if (failed === undefined || !isCancellation(error)) throw error;
        }
      }),
    );
  });
  return failed;
}

async function ready(ctx: RunContext, serving: Serving, record: JobRecord, site: SiteView): Promise<JobOutcome | undefined> {
  const { readyWithin } = planOf(serving, record.server);
  const { handle } = record;
  if (handle === undefined) throw new RangeError(`${record.key} was not submitted`);
  const deadline = new Date(Date.parse(record.submittedAt ?? record.placedAt) + readyWithin).toISOString();
  const start = await awaitServerOn(record.queue, site.limits, `Wait for ${what(record)}`).awaitServer({ handle, deadline });
  if ('url' in start) {
    ctx.emit({ type: 'server_ready', key: record.key, url: start.url });
    return undefined;
  }
  if ('late' in start) return failedServer(ctx, record, `the server ${record.server} was not ready by ${deadline}: give it longer with readyWithin, or see its log`);
  return failedServer(ctx, record, `the server ${record.server} ${howItEnded(start.outcome, ' before it was ready')}`, start.outcome);
}

/** `exited with code 3 WHEN: the last line of its log`. */
export function howItEnded({ exit, lastLines }: JobOutcome, when: string): string {
  const last = lastLines.findLast((line) => line.trim() !== '');
  const how = exit === undefined ? 'vanished without an exit record' : exit.exitCode === null ? `was ended by ${exit.signal ?? 'a signal'}` : `exited with code ${exit.exitCode}`;
  return `${how}${when}${exit?.problem === undefined ? '' : ` (${exit.problem.message})`}${last === undefined ? '' : `: ${last}`}`;
}

/** A server's failure as that of its attempt: exit code and stop reason stay, so that the same rules judge it. */
export function failedServer(ctx: RunContext, record: JobRecord, message: string, outcome?: JobOutcome): JobOutcome {
  const { exit } = outcome ?? {};
  const kind = exit?.problem?.kind ?? 'server_failed';
  return {
    state: 'exited',
    exit: { exitCode: exit?.exitCode ?? null, signal: exit?.signal ?? null, startedAt: exit?.startedAt ?? record.placedAt, endedAt: exit?.endedAt ?? ctx.now(), ...(exit?.stopReason === undefined ? {} : { stopReason: exit.stopReason }), problem: { kind, message }, outputs: {} },
    starts: 0,
    lastLines: outcome?.lastLines ?? [],
    lineCount: outcome?.lineCount ?? 0,
  };
}
