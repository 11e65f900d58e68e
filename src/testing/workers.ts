import type { Client } from '@temporalio/client';
import type { NativeConnection, Worker as TemporalWorker, WorkerOptions } from '@temporalio/worker';
import { createArtifactActivities } from '../activities/artifacts/index.js';
import type { ArtifactStore } from '../activities/artifacts/stores/store.js';
import { createJobActivities } from '../activities/jobs/index.js';
import { createReleaseActivities } from '../activities/release/index.js';
import { createRunActivities } from '../activities/runs/index.js';
import { createSiteActivities } from '../activities/site/index.js';
import { WORKFLOW_QUEUE } from '../domain/ids.js';
import type { Site } from '../domain/site.js';
import type { SiteView } from '../domain/site-view.js';
import { packageFile } from '../engines/package-files.js';
import { ScriptedExecutor } from './scripted-executor.js';
import type { RehearsalRun } from './run.js';
import type { KeepOutput, ScriptedJob } from './scripted-job.js';
import type { SkippedTime } from './skipped-time.js';
import { forgetWorker, workerIsDone } from './sticky.js';

/** Far above what one run has at a time: a watch that waits for a slot would hold the clock. */
const MAX_JOB_ACTIVITIES = 2000;
const HOST = 'rehearsed';

/** Every secret of the site has this value: no script has a use for it, and the real one stays out of tests. */
const SECRET = 'REHEARSED_SECRET';

/** A century: later than any horizon. */
const NEVER_MS = 36_500 * 86_400_000;

export type WorkflowBundle = NonNullable<WorkerOptions['workflowBundle']>;

export interface WorkersInput {
  connection: NativeConnection;
  namespace: string;
  bundle: WorkflowBundle;
  site: Site;
  client: Client;
  clock: SkippedTime;
  store: ArtifactStore;
  keep: KeepOutput;
  releasesRoot: string;
  runOf: (run: string) => RehearsalRun | undefined;
}

export interface RehearsalWorkers {
  jobsOf: (run: string) => readonly ScriptedJob[];
  /** Ends what sleeps on behalf of a closed execution; told by its run id. */
  leave: (runId: string) => Promise<void>;
  /** Rejects when a worker breaks. */
  broken: Promise<never>;
  /** Puts a worker with other workflow code in the place of the one that there is, which has these runs. */
  deploy: (bundle: WorkflowBundle, runs: readonly string[]) => Promise<void>;
  stop: () => Promise<void>;
}

/** Workers with the real activities, on executors that follow scripts. */
export async function startWorkers(input: WorkersInput): Promise<RehearsalWorkers> {
  const { connection, namespace, site, client, clock, store, keep, releasesRoot, runOf } = input;
  const { Worker } = await import('@temporalio/worker');
  const { siteViewOf } = await import('../workers/site-view.js');
  const siteView = withoutWatchTimeouts(siteViewOf(site, HOST));
  const executors = new Map(Object.entries(site.executors).map(([id, { kind }]) => [id, new ScriptedExecutor({ executorId: id, kind, clock, store, keep, runOf })]));
  const jobs = createJobActivities({
    executors,
    secrets: Object.fromEntries(Object.keys(site.secrets).map((id) => [id, { env: SECRET }])),
    env: { [SECRET]: 'rehearsed' },
    // The executor's answers are news already.
    pollIntervalMs: 1,
    now: () => clock.now(),
  });
  const common = { connection, namespace, dataConverter: { payloadConverterPath: packageFile('dist/temporal-payloads.js') } };
  const sinks = await loggerSinks(runOf);
  const workflowWorker = (bundle: WorkflowBundle): Promise<TemporalWorker> =>
    Worker.create({
      ...common,
      taskQueue: WORKFLOW_QUEUE,
      workflowBundle: bundle,
      activities: { ...createSiteActivities({ siteView }), ...createArtifactActivities({ store }), ...createReleaseActivities({ store, siteView, client, releasesRoot }), ...createRunActivities({ store, client }) },
      sinks,
    });
  const workers = [await workflowWorker(input.bundle)];
  for (const queue of new Set(Object.values(siteView.executors).map((executor) => executor.queue)))
    workers.push(await Worker.create({ ...common, taskQueue: queue, activities: { ...jobs }, maxConcurrentActivityTaskExecutions: MAX_JOB_ACTIVITIES }));

  let fail: (error: unknown) => void = () => undefined;
  const broken = new Promise<never>((_, reject) => {
    fail = reject;
  });
  broken.catch(() => undefined); // whoever waits for a run hears of it
  const started = (worker: TemporalWorker): Promise<void> => {
    const running = worker.run();
    running.catch(fail);
    return running;
  };
  const running = workers.map(started);
  return {
    async deploy(bundle, runs) {
      const [old] = workers;
      await Promise.all(runs.map((run) => workerIsDone(client, run)));
      // Before as well: what comes up while the old one stops is then left to the new one.
      await Promise.all(runs.map((run) => forgetWorker(client, run)));
      // One after the other, since a process may not have two workers of one queue. What the old one had in memory is replayed.
      if (old?.getState() === 'RUNNING') old.shutdown();
      await running[0];
      await Promise.all(runs.map((run) => forgetWorker(client, run)));
      const next = await workflowWorker(bundle);
      workers[0] = next;
      running[0] = started(next);
    },
    jobsOf: (run) => [...executors.values()].flatMap((executor) => executor.jobs).filter((job) => job.request.run === run).sort((a, b) => a.startedAtMs - b.startedAtMs),
    async leave(runId) {
      await Promise.all([...executors.values()].map((executor) => executor.leave(runId)));
    },
    broken,
    async stop() {
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
      await Promise.allSettled(running);
    },
  };
}

/**
 * A watch lasts as long as its job: its time-outs are held against the skipped clock, which a job of three hours passes
 * between two heartbeats of the wall clock.
 */
function withoutWatchTimeouts(view: SiteView): SiteView {
  return { ...view, limits: { ...view.limits, heartbeatTimeout: NEVER_MS, jobMaxDuration: NEVER_MS } };
}

/**
 * The workflow's log, as the worker gets it. A worker awaits these calls before it completes the workflow task that
 * made them, and an open task holds the clock: what is done here is done before time can go on.
 */
async function loggerSinks(runOf: WorkersInput['runOf']): Promise<WorkerOptions['sinks']> {
  const { Runtime } = await import('@temporalio/worker');
  const { logger } = Runtime.instance();
  const ignore = { fn: () => undefined };
  return {
    // The name by which the SDK lets its own logger be replaced; `__temporal_logger`, as the workflow calls it, is reserved.
    defaultWorkerLogger: {
      trace: ignore,
      debug: ignore,
      info: {
        async fn({ workflowId }, message: unknown, fields: unknown) {
          const gate = (fields as { gate?: unknown } | undefined)?.gate;
          if (message === 'gate_opened' && typeof gate === 'string') await runOf(workflowId)?.gateOpened(gate);
          if (message === 'ended') await runOf(workflowId)?.ending();
        },
      },
      warn: { fn: (_, message: string, fields?: Record<string, unknown>) => logger.warn(message, fields) },
      error: { fn: (_, message: string, fields?: Record<string, unknown>) => logger.error(message, fields) },
    },
  };
}
