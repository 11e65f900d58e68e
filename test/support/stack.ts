import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import type { PayloadCodec } from '@temporalio/common';
import { digestOf } from '../../src/domain/canonical.js';
import type { Versioning, WorkerVersion } from '../../src/domain/deployment.js';
import { WORKFLOW_QUEUE } from '../../src/domain/ids.js';
import { RELEASE_MODEL } from '../../src/domain/names.js';
import type { RunInput } from '../../src/domain/run-input.js';
import type { RunState } from '../../src/domain/run-state.js';
import { BUILT_IN_SITE, type SiteInput } from '../../src/domain/site.js';
import type { RunSpecInput } from '../../src/domain/spec.js';
import { suspendLocalJobs } from '../../src/engines/jobs/suspend.js';
import { startTestServer, type TestServer } from './temporal-server.js';

const WORKER_PROGRAM = fileURLToPath(new URL('./worker-program.mjs', import.meta.url));

/** Short, so that a killed worker is noticed within the test; everything else is as shipped. */
export const TEST_SITE: SiteInput = { ...BUILT_IN_SITE, name: 'test', limits: { heartbeatTimeout: '4 seconds', pollInterval: '100 ms' } };

export interface WorkerProcess {
  pid: number;
  process: ChildProcess;
  /** What it has logged so far. */
  log: () => string;
  /** Resolves when it has ended, with its exit code or signal. */
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  kill9: () => Promise<void>;
  /** SIGTERM, as a deploy does; resolves with the seconds that draining took. */
  drain: () => Promise<number>;
}

/** A real Temporal server, a temporary home, and workers as processes that can be killed. */
export interface Stack {
  server: TestServer;
  client: Client;
  home: string;
  /** Where jobs of a test write down their own starts: `$RECORDS` in the commands of `shellJob`. */
  records: string;
  startWorker: (options?: { dieAt?: string; pipelines?: string; site?: SiteInput; env?: Record<string, string>; logLevel?: string; deployment?: WorkerVersion & { versioning: Versioning }; bundlePath?: string }) => Promise<WorkerProcess>;
  startRun: (id: string, spec: RunSpecInput, extra?: Partial<RunInput>) => Promise<WorkflowHandle & { runUid: string }>;
  stop: () => Promise<void>;
}

/** With a codec the stack's own client encrypts; its workers do by their site. */
export async function startStack({ codec, ...options }: { ui?: boolean; extraArgs?: string[]; codec?: PayloadCodec } = {}): Promise<Stack> {
  const server = await startTestServer(options);
  const home = await mkdtemp(join(tmpdir(), 'ferry-stack-'));
  const records = join(home, 'records');
  const connection = await Connection.connect({ address: server.address });
  const client = new Client({ connection, dataConverter: { payloadCodecs: codec === undefined ? [] : [codec] } });
  const workers: WorkerProcess[] = [];
  return {
    server,
    client,
    home,
    records,
    async startWorker({ dieAt, pipelines, site = TEST_SITE, env = {}, logLevel = 'warn', deployment, bundlePath } = {}) {
      const executors = { local: { kind: 'local', env: { RECORDS: records } } };
      const argument = JSON.stringify({ address: server.address, home, site: { executors, ...site }, dieAt, pipelines, logLevel, deployment, bundlePath });
      const child = spawn(process.execPath, [WORKER_PROGRAM, argument], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
      let stderr = '';
      child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      const ended = once(child, 'exit').then(([code, signal]) => ({ code: code as number | null, signal: signal as NodeJS.Signals | null }));
      const worker: WorkerProcess = {
        pid: child.pid ?? 0,
        process: child,
        log: () => stderr,
        ended,
        async kill9() {
          child.kill('SIGKILL');
          await ended;
        },
        async drain() {
          const from = Date.now();
          child.kill('SIGTERM');
          await ended;
          return (Date.now() - from) / 1000;
        },
      };
      workers.push(worker);
      const first = await Promise.race([once(child.stdout ?? child, 'data').then(() => 'ready' as const), ended]);
      if (first !== 'ready') throw new Error(`the worker did not start: ${stderr.slice(-4000)}`);
      return worker;
    },
    async startRun(id, spec, extra = {}) {
      const runUid = `${id.toLowerCase()}-${Math.random().toString(36).slice(2, 10)}`;
      const input: RunInput = { v: 1, runUid, spec, requestedBy: 'alice', ...extra };
      const handle = await client.workflow.start(spec.pipeline ?? RELEASE_MODEL, {
        workflowId: id,
        taskQueue: WORKFLOW_QUEUE,
        args: [input],
        memo: { runUid, specDigest: digestOf(spec) },
        staticSummary: `${spec.model} ${spec.version}`,
      });
      return Object.assign(handle, { runUid });
    },
    async stop() {
      for (const worker of workers) if (worker.process.exitCode === null && worker.process.signalCode === null) await worker.kill9();
      // Jobs outlive their workers, which are dead: without this they would stay after the test.
      await suspendLocalJobs({ jobsRoot: join(home, 'jobs'), hurry: AbortSignal.abort() });
      await connection.close();
      await server.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** The run's state by query; keeps asking while no worker answers or the server is away. */
export async function stateOf(handle: WorkflowHandle): Promise<RunState> {
  for (;;) {
    try {
      return await handle.query<RunState, []>('state');
    } catch {
      // A killed worker or server is what these tests are about: ask again until the caller's own deadline.
      await delay(200);
    }
  }
}

/** Waits until the state satisfies a condition, or fails after `withinMs` with the state that there was. */
export async function until(handle: WorkflowHandle, holds: (state: RunState) => boolean, withinMs = 60_000): Promise<RunState> {
  const end = Date.now() + withinMs;
  for (;;) {
    const state = await Promise.race([stateOf(handle), delay(Math.max(1, end - Date.now())).then(() => undefined)]);
    if (state !== undefined && holds(state)) return state;
    if (Date.now() >= end) throw new Error(`not within ${withinMs} ms; the state is ${JSON.stringify(state, null, 1).slice(0, 3000)}`);
    await delay(100);
  }
}

/** A job as a shell command that first writes down its own start, beside the records of wrapper and workflow. */
export function shellJob(script: string, extra: Record<string, unknown> = {}): { command: string[]; env: Record<string, string> } & Record<string, unknown> {
  return { command: ['sh', '-ec', `echo "$FERRY_JOB_KEY" >> "$RECORDS"\n${script}`], env: {}, ...extra };
}

/** Leaves an output with the given name. */
export const makes = (name: string): string => `mkdir -p "$FERRY_OUTPUT_DIR/${name}" && echo "${name}" > "$FERRY_OUTPUT_DIR/${name}/data"`;

/** A real HTTP server in Node that answers with its own name, and leaves with 0 on SIGTERM. */
export const SERVE = `exec node -e '
  const { appendFileSync } = require("node:fs");
  const server = require("node:http").createServer((_, answer) => answer.end(process.env.FERRY_BACKEND));
  server.listen(process.env.FERRY_PORT, "127.0.0.1", () =>
    appendFileSync(process.env.FERRY_PROGRESS_FILE, JSON.stringify({ ready: { url: "http://127.0.0.1:" + process.env.FERRY_PORT } }) + "\\n"));
  process.on("SIGTERM", () => process.exit(0));
'`;

/** Says what a job has found. */
export const verdict = (value: string, ...reasons: string[]): string => `echo '${JSON.stringify({ verdict: { value, reasons } })}' >> "$FERRY_PROGRESS_FILE"`;

/** How often each job's program said that it started, by its key. */
export async function startsByKey(records: string): Promise<Record<string, number>> {
  const lines = (await readFile(records, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
  const counts: Record<string, number> = {};
  for (const line of lines) counts[line] = (counts[line] ?? 0) + 1;
  return counts;
}
