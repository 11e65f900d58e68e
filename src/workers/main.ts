import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client, type ScheduleOptions } from '@temporalio/client';
import { NativeConnection, Runtime, Worker, type NativeConnectionOptions, type WorkerOptions } from '@temporalio/worker';
import type pino from 'pino';
import { createArtifactActivities } from '../activities/artifacts/index.js';
import { createStore } from '../activities/artifacts/stores/registry.js';
import type { Executor, SubmitStep } from '../activities/jobs/executors/executor.js';
import { createExecutor } from '../activities/jobs/executors/registry.js';
import { createJobActivities } from '../activities/jobs/index.js';
import { createSweepActivities } from '../activities/jobs/sweep.js';
import { createReleaseActivities } from '../activities/release/index.js';
import { createRunActivities } from '../activities/runs/index.js';
import { createSiteActivities } from '../activities/site/index.js';
import type { Versioning, WorkerVersion } from '../domain/deployment.js';
import { WORKFLOW_QUEUE, sweepScheduleId, sweepWorkflowId } from '../domain/ids.js';
import { payloadKeyNames, type Site } from '../domain/site.js';
import { packageFile } from '../engines/package-files.js';
import { loadKeyRing } from '../engines/payload-crypto/key-ring.js';
import { PayloadError } from '../engines/payload-crypto/payload-error.js';
import { hostIdentity } from '../engines/jobs/process-identity.js';
import { SWEEP_JOBS } from '../domain/names.js';
import { InvalidDocument } from '../engines/config/invalid-document.js';
import type { OwnActivities } from '../engines/config/load-activities.js';
import { payloadCodec } from '../temporal-codec.js';
import { bundlePipelines } from './bundle-pipelines.js';
import { temporalLogger } from './logger.js';
import { queueOf, siteViewOf } from './site-view.js';

/** Everything that a worker is made of. Paths are absolute; nothing is read from the process's environment but through `env`. */
export interface WorkerSettings {
  connection: NativeConnectionOptions;
  namespace: string;
  /** For activities that ask the server, and for the sweep's schedule; with a codec where the site encrypts. */
  client: Client;
  home: string;
  /** With absolute paths. */
  site: Site;
  logger: pino.Logger;
  /** The module with pipelines of one's own; absolute. Without it the worker has the built-in ones. */
  pipelines?: string;
  /** Activities of one's own, which `codeStage` calls; on the queue of the workflows, so every worker of it needs them. */
  activities?: OwnActivities;
  env: Readonly<Record<string, string | undefined>>;
  /** The version that this worker is. Default none: it takes the tasks of every run. */
  deployment?: WorkerVersion & { versioning: Versioning };
  /** Another workflow bundle than the package's own. */
  bundlePath?: string;
  /** Where a test kills the worker while it submits a job. */
  onSubmitStep?: (step: SubmitStep) => void;
}

/** A worker that polls. */
export interface RunningWorker {
  taskQueues: string[];
  /** Resolves when the worker has drained after `stop`; rejects when it broke. */
  done: Promise<void>;
  stop: () => void;
}

const BUNDLE = packageFile('dist/workflow-bundle.js');
/** Also in the bundle: workflows decode what anybody may have sent them. */
const PAYLOADS = packageFile('dist/temporal-payloads.js');
/** For a site that encrypts: messages of failures are payloads too. Workflows have this converter in their bundle. */
const ENCRYPTED_BUNDLE = packageFile('dist/workflow-bundle-encrypted.js');
const FAILURES = packageFile('dist/temporal-failure-attributes.js');

/** Watches are idle most of the time; with fewer slots they would keep submits and cancels waiting. */
const MAX_JOB_ACTIVITIES = 2000;

/** Heartbeats are held back by at most this long, so that a lost worker is noticed after its time-out and not later. */
const HEARTBEAT_THROTTLE = '2 seconds';

/** Where a job's environment starts: what programs need to run at all, and nothing that may be a secret of the worker's. */
const INHERITED = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'USER', 'SHELL', 'LD_LIBRARY_PATH', 'SYSTEMROOT'] as const;

/** Builds every dependency, starts to poll and keeps the sweep's schedule. Refuses to start without the workflow bundle, and without the keys of a site that encrypts. */
export async function startWorker(settings: WorkerSettings): Promise<RunningWorker> {
  const { home, site, logger, env, namespace, client } = settings;
  const encryption = site.payloads?.encryption;
  const bundle = settings.bundlePath ?? (encryption === undefined ? BUNDLE : ENCRYPTED_BUNDLE);
  if (!existsSync(bundle)) throw new Error(`the workflow bundle ${bundle} is missing; build it with npm run build`);
  const keys = encryption === undefined ? undefined : await loadKeyRing({ encryption, secrets: site.secrets, env });
  Runtime.install({ logger: temporalLogger(logger, { withholdFailures: encryption !== undefined }), shutdownSignals: [] });

  const { hostId } = hostIdentity();
  const siteView = siteViewOf(site, hostId);
  const storeRoot = site.store.path ?? join(home, 'store');
  const releasesRoot = site.releases.root ?? join(home, 'releases');
  const store = createStore(site.store, storeRoot);
  const executors = executorsByQueue(settings, storeRoot, hostId);

  const connection = await NativeConnection.connect(settings.connection);
  const common: Partial<WorkerOptions> & Pick<WorkerOptions, 'connection' | 'namespace'> = {
    connection,
    namespace,
    dataConverter: {
      payloadConverterPath: PAYLOADS,
      // What it can't decrypt passes: the converter tells a message, which is refused, from a key that is missing here.
      ...(keys === undefined ? {} : { failureConverterPath: FAILURES, payloadCodecs: [payloadCodec({ keys: async () => keys, unreadable: 'pass' })] }),
    },
    maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
    defaultHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
  };
  const workers = [
    await Worker.create({
      ...common,
      taskQueue: WORKFLOW_QUEUE,
      workflowBundle: settings.pipelines === undefined ? { codePath: bundle } : await bundlePipelines({ file: settings.pipelines, encrypted: encryption !== undefined }),
      workerDeploymentOptions: deploymentOptions(settings.deployment),
      activities: withOwn({ ...createSiteActivities({ siteView }), ...createArtifactActivities({ store }), ...createReleaseActivities({ store, siteView, client, releasesRoot }), ...createRunActivities({ store, client }) }, settings.activities),
    }),
  ];
  // Without a version, whatever that of the run: a job is watched by whoever is on its host. In a version, the watch of a
  // pinned run would wait for a worker that may be gone, and that of every run once its host's workers are of another one.
  for (const [queue, here] of executors) {
    const activities = { ...createJobActivities({ executors: here, secrets: site.secrets, withheld: payloadKeyNames(site), env, pollIntervalMs: site.limits.pollInterval }), ...createSweepActivities({ executors: here, client }) };
    workers.push(await Worker.create({ ...common, taskQueue: queue, activities, maxConcurrentActivityTaskExecutions: MAX_JOB_ACTIVITIES }));
    await keepSweeping(client, queue, site.limits.sweepInterval);
  }
  const stop = (): void => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  const done = Promise.all(workers.map((worker) => worker.run().finally(stop))).then(() => connection.close());
  return { taskQueues: [WORKFLOW_QUEUE, ...executors.keys()], done, stop };
}

function deploymentOptions(deployment: WorkerSettings['deployment']): WorkerOptions['workerDeploymentOptions'] {
  if (deployment === undefined) return undefined;
  return {
    version: { deploymentName: deployment.name, buildId: deployment.buildId },
    useWorkerVersioning: true,
    defaultVersioningBehavior: deployment.versioning === 'pinned' ? 'PINNED' : 'AUTO_UPGRADE',
  };
}

/** One's own beside the package's, never in their place: `publishRelease` by another hand would prove nothing. */
function withOwn(built: object, own: OwnActivities = {}): object {
  const taken = Object.keys(own).filter((name) => Object.hasOwn(built, name));
  if (taken.length > 0) throw new InvalidDocument('createActivities()', 'activities module', 'invalid', taken.map((name) => ({ path: name, found: 'an activity of your own', expected: 'another name', suggestion: `${name} is built in` })));
  return { ...built, ...own };
}

function executorsByQueue({ site, home, env, onSubmitStep }: WorkerSettings, storeRoot: string, hostId: string): Map<string, Map<string, Executor>> {
  const byQueue = new Map<string, Map<string, Executor>>();
  for (const [id, config] of Object.entries(site.executors)) {
    const queue = queueOf(id, config, hostId);
    const inherited = Object.fromEntries(INHERITED.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
    const executor = createExecutor(config.kind, { executorId: id, jobsRoot: config.jobsRoot ?? join(home, 'jobs'), storeRoot, env: { ...inherited, ...config.env }, onStep: onSubmitStep });
    const here = byQueue.get(queue) ?? new Map<string, Executor>();
    byQueue.set(queue, here.set(id, executor));
  }
  return byQueue;
}

/** One schedule a queue, whichever of its workers comes first; the interval of the worker that came last stands. */
async function keepSweeping(client: Client, queue: string, everyMs: number): Promise<void> {
  const options: ScheduleOptions = {
    scheduleId: sweepScheduleId(queue),
    spec: { intervals: [{ every: everyMs }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP },
    action: { type: 'startWorkflow', workflowType: SWEEP_JOBS, workflowId: sweepWorkflowId(queue), taskQueue: WORKFLOW_QUEUE, args: [{ queues: [queue], dryRun: false, listOnly: false }] },
  };
  try {
    await client.schedule.create(options);
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const handle = client.schedule.getHandle(options.scheduleId);
    try {
      // The action too: its argument is encrypted anew, with the key of now.
      await handle.update((found) => ({ ...found, spec: options.spec, action: options.action }));
    } catch (unreadable) {
      // Written with a key that is gone. An update reads before it writes, and sweeping must not end with the key.
      if (!(unreadable instanceof PayloadError)) throw unreadable;
      await handle.delete();
      await client.schedule.create(options);
    }
  }
}
