import type { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { join } from 'node:path';
import { configuredTarget, connect, type Target } from '../../client/connect.js';
import { ClientError, messageOf } from '../../client/errors.js';
import { readDevFile, removeDevFile, writeDevFile, type DevFile, type Env } from '../../client/home.js';
import { ensureSearchAttributes } from '../../client/search-attributes.js';
import { SEARCH_ATTRIBUTES } from '../../domain/views.js';
import { suspendLocalJobs } from '../../engines/jobs/suspend.js';
import { findServer } from '../../engines/temporal-server/find-server.js';
import { startServer, type ServerProcess } from '../../engines/temporal-server/server-process.js';
import { CODEC_PORT } from '../codec-server/codec-port.js';
import { lockHome } from './dev-lock.js';
import type { DevSite } from './dev-site.js';
import { keepRunning, type KeptRunning } from './keep-running.js';
import { endLeftover, processRef } from './process-ref.js';
import { startWorker, workerEnv, type WorkerProcess } from './worker-process.js';

/** The worker lets what it is doing finish; watches of jobs are given up at once, the jobs go on without them. */
const WORKER_GRACE_MS = 20_000;
const SERVER_GRACE_MS = 10_000;
/** A development server forgets ended runs after a day; a release is looked up for months. */
const RETENTION_SECONDS = 365 * 86_400;

export interface DevInput {
  home: string;
  cwd: string;
  env: Env;
  connection: { address?: string; namespace?: string; profile?: string };
  /** 0: the last one of the home when it is free, else any. */
  port: number;
  uiPort: number | null;
  site: DevSite;
  /** The module of pipelines that was named with the call; what the worker finds by itself needs no word. */
  pipelines?: string;
  /** One line for a person; goes to stderr. */
  say: (message: string) => void;
  /** Aborted when the start is to be given up. */
  signal: AbortSignal;
  /** How `ferry` is started; default: this package's own. */
  ferryCommand?: readonly string[];
  /** Where downloads are kept. Default `<home>/tools`. */
  toolsDir?: string;
}

/** The answer of `ferry dev --json`, as the contract pins it. */
export type DevInfo = Pick<DevFile, 'address' | 'namespace' | 'ui' | 'home' | 'pids'>;

export interface RunningDev {
  readonly info: DevInfo;
  /** What the worker polls. */
  readonly taskQueues: readonly string[];
  /**
   * Lets the jobs save and leave, then ends worker and server; the next start goes on from there. `hurry` cuts every
   * grace. Resolves with the keys of jobs of which something is left.
   */
  suspend(hurry: AbortSignal): Promise<string[]>;
}

/**
 * Starts the server (unless one is configured) and a worker, and keeps both running.
 * @throws ClientError and the errors of `engines/temporal-server`; nothing is left running then.
 */
export async function startDev(input: DevInput): Promise<RunningDev> {
  const { home, say, signal } = input;
  const unlock = await lockHome(home);
  const undo: (() => Promise<void>)[] = [unlock];
  try {
    await clearLeftovers(home, say);
    const target = configuredTarget({ ...input.connection, home, env: input.env });
    const server = target === undefined ? await startOwnServer(input) : undefined;
    if (server !== undefined) undo.unshift(() => server.stop());
    const reach = server === undefined ? target : ownTarget(server);
    if (reach === undefined) throw new Error('neither a configured server nor one of our own');
    await prepareNamespace(input, reach, server !== undefined);
    const startAWorker = (workerSignal: AbortSignal): Promise<WorkerProcess> => startDevWorker(input, reach, server !== undefined, workerSignal);
    const worker = await startAWorker(signal);
    undo.unshift(() => worker.stop());

    const dev = devFileOf(input, reach, server, worker);
    await writeDevFile(home, dev);
    undo.unshift(() => removeDevFile(home));
    signal.throwIfAborted();
    const keptServer = server === undefined ? undefined : keepServer(input, server, dev);
    const keptWorker = keepRunning({
      name: 'The worker',
      first: worker,
      start: startAWorker,
      say,
      onStarted: ({ pid }) => {
        dev.pids.workers = [pid];
        dev.processes.workers = [processRef(pid)];
        return writeDevFile(home, dev);
      },
    });
    return {
      info: { address: dev.address, namespace: dev.namespace, ui: dev.ui, home, pids: dev.pids },
      taskQueues: worker.taskQueues,
      suspend: async (hurry) => {
        const remaining = await suspendAll({ jobsRoots: input.site.jobsRoots, say, hurry, keptWorker, keptServer });
        await removeDevFile(home);
        await unlock();
        return remaining;
      },
    };
  } catch (error) {
    for (const step of undo) await step();
    throw error;
  }
}

/** What a `ferry dev` that was killed left behind still has our database and our task queues. */
async function clearLeftovers(home: string, say: DevInput['say']): Promise<void> {
  const dev = await readDevFile(home);
  if (dev === undefined) return;
  say('The last ferry dev of this home did not end in order; taking up from there.');
  await Promise.all(dev.processes.workers.map((worker) => endLeftover(worker, WORKER_GRACE_MS)));
  if (dev.processes.server !== null) await endLeftover(dev.processes.server, SERVER_GRACE_MS);
  await removeDevFile(home);
}

async function startOwnServer(input: DevInput): Promise<ServerProcess> {
  const { home, env, say, signal } = input;
  const found = await findServer({ toolsDir: input.toolsDir ?? join(home, 'tools'), env, onProgress: say, signal });
  return startServer({
    binary: found.path,
    home,
    port: input.port,
    uiPort: input.uiPort,
    namespace: input.connection.namespace ?? 'default',
    searchAttributes: SEARCH_ATTRIBUTES,
    // The UI's pages then ask the codec server, once it is started by hand; without encryption they have nobody to ask.
    extraArgs: input.site.keyId === undefined || input.uiPort === null ? [] : ['--ui-codec-endpoint', `http://127.0.0.1:${CODEC_PORT}`],
    env,
    signal,
  });
}

function ownTarget({ address, namespace, ui }: ServerProcess): Target {
  return { address, namespace, ui, source: 'ferry dev', options: { address } };
}

/** Without the search attributes every start of a run is refused by the server. */
async function prepareNamespace({ home, env, connection, say }: DevInput, target: Target, ownServer: boolean): Promise<void> {
  const connected = await connect(ownServer ? { address: target.address, namespace: target.namespace, home } : { ...connection, home, env });
  try {
    await ensureSearchAttributes(connected.connection, connected.namespace);
    if (ownServer) await keepEndedRuns(connected.connection, connected.namespace);
  } catch (error) {
    // On somebody else's server we may not even look; an admin may have added them.
    if (ownServer || !(error instanceof ClientError) || error.code !== 'search_attributes_denied') throw error;
    say(`${error.message}. ${error.hint}`);
  } finally {
    await connected.close();
  }
}

async function keepEndedRuns({ workflowService }: Connection, namespace: string): Promise<void> {
  const { config } = await workflowService.describeNamespace({ namespace });
  if (Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) >= RETENTION_SECONDS) return;
  await workflowService.updateNamespace({ namespace, config: { workflowExecutionRetentionTtl: msToTs(RETENTION_SECONDS * 1000) } });
}

function startDevWorker(input: DevInput, target: Target, ownServer: boolean, signal: AbortSignal): Promise<WorkerProcess> {
  const { home, cwd, env, connection } = input;
  const profile = ownServer || connection.profile === undefined ? [] : ['--profile', connection.profile];
  return startWorker({
    home,
    cwd,
    env: workerEnv({ env, home, address: target.address, namespace: target.namespace, ownServer }),
    flags: [...profile, '--site', input.site.path, ...(input.pipelines === undefined ? [] : ['--pipelines', input.pipelines])],
    command: input.ferryCommand,
    signal,
  });
}

function devFileOf({ home, site }: DevInput, target: Target, server: ServerProcess | undefined, worker: WorkerProcess): DevFile {
  return {
    address: target.address,
    namespace: target.namespace,
    ui: target.ui,
    home,
    pids: { server: server?.pid ?? null, workers: [worker.pid] },
    startedAt: new Date().toISOString(),
    site: site.path,
    dev: processRef(process.pid),
    processes: { server: server === undefined ? null : processRef(server.pid), workers: [processRef(worker.pid)] },
  };
}

/** On the same database and the same ports, so that the worker, the clients and every link find it again. */
function keepServer(input: DevInput, server: ServerProcess, dev: DevFile): KeptRunning {
  return keepRunning({
    name: 'The Temporal server',
    first: server,
    start: (signal) => startOwnServer({ ...input, port: server.port, uiPort: server.uiPort, signal }),
    say: input.say,
    onStarted: ({ pid }) => {
      dev.pids.server = pid;
      dev.processes.server = processRef(pid);
      return writeDevFile(input.home, dev);
    },
  });
}

interface SuspendInput {
  jobsRoots: readonly string[];
  say: DevInput['say'];
  hurry: AbortSignal;
  keptWorker: KeptRunning;
  keptServer: KeptRunning | undefined;
}

async function suspendAll({ jobsRoots, say, hurry, keptWorker, keptServer }: SuspendInput): Promise<string[]> {
  const left = new Set<string>();
  const suspendJobs = async (jobsRoot: string): Promise<void> => {
    try {
      const { suspended, remaining } = await suspendLocalJobs({ jobsRoot, hurry });
      for (const key of suspended) left.delete(key);
      for (const key of remaining) left.add(key);
      if (suspended.length > 0) say(`Jobs that saved and left: ${suspended.join(', ')}`);
      if (remaining.length > 0) say(`Jobs that have not left yet: ${remaining.join(', ')}; see them with: ferry jobs list`);
    } catch (error) {
      // Worker and server must still be ended; a job that lives on is found again by the next start.
      say(`The jobs below ${jobsRoot} could not all be suspended: ${messageOf(error)}`);
    }
  };
  // The worker stops taking work at the same time: otherwise a run would see its job end and start the next attempt.
  await Promise.all([...jobsRoots.map(suspendJobs), keptWorker.stop({ graceMs: WORKER_GRACE_MS, hurry })]);
  await Promise.all(jobsRoots.map(suspendJobs)); // what the worker submitted in its last moment
  await keptServer?.stop({ graceMs: SERVER_GRACE_MS, hurry });
  return [...left];
}
