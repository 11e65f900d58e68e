// What tests of jobs share: a place on the disk, a request, programs of a few lines, and the compiled wrapper.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Executor, ExecutorDeps } from '../../src/activities/jobs/executors/executor.js';
import { jobKey } from '../../src/domain/ids.js';
import type { JobHandle, JobObservation, JobRequest } from '../../src/domain/job.js';

export const PACKAGE_ROOT = fileURLToPath(new URL('../../', import.meta.url));
const WRAPPER = join(PACKAGE_ROOT, 'dist/engines/jobs/wrapper.js');
const SOURCES = ['src/engines', 'src/jobs', 'src/domain', 'src/activities/jobs/executors'];
const BUILD_LOCK = join(tmpdir(), 'modelferry-test-build.lock');

function newestSource(): number {
  const files = SOURCES.flatMap((directory) => readdirSync(join(PACKAGE_ROOT, directory), { recursive: true, encoding: 'utf8' }).map((name) => join(PACKAGE_ROOT, directory, name)));
  return Math.max(...files.map((file) => statSync(file).mtimeMs));
}

const builtAt = (): number => statSync(WRAPPER, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** Compiles the package if its compiled wrapper is older than its sources: jobs run as compiled code even under a test. */
export async function buildOnce(): Promise<void> {
  const giveUpAt = Date.now() + 60_000;
  while (builtAt() < newestSource()) {
    try {
      mkdirSync(BUILD_LOCK);
    } catch {
      // Another test file builds; a lock that nobody holds any more is taken away after a minute.
      if (Date.now() > giveUpAt) rmSync(BUILD_LOCK, { recursive: true, force: true });
      await sleep(100);
      continue;
    }
    try {
      if (builtAt() < newestSource()) execFileSync(join(PACKAGE_ROOT, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json'], { cwd: PACKAGE_ROOT, stdio: 'ignore' });
    } catch (error) {
      // A type error elsewhere is the type check's business; the compiler has written its output all the same.
      if (builtAt() < newestSource()) throw error;
    } finally {
      rmSync(BUILD_LOCK, { recursive: true, force: true });
    }
  }
}

export interface Place extends ExecutorDeps {
  root: string;
  remove(): void;
}

export function makePlace(): Place {
  const root = mkdtempSync(join(tmpdir(), 'modelferry-jobs-'));
  return {
    root,
    executorId: 'here',
    jobsRoot: join(root, 'jobs'),
    storeRoot: join(root, 'store'),
    env: { PATH: process.env['PATH'] ?? '' },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

let runs = 0;

/** A request of a run of its own, with a program given as the text of a Node script. */
export function requestFor(script: string, change: Partial<JobRequest> = {}): JobRequest {
  runs += 1;
  const identity = { runUid: change.runUid ?? `uid-${process.pid}-${runs}`, stage: change.stage ?? 'train', round: change.round ?? 1, attempt: change.attempt ?? 1 };
  return {
    key: jobKey(identity),
    run: 'demo',
    ...identity,
    backend: 'cpu',
    simulated: true,
    executor: 'here',
    command: [process.execPath, '-e', script],
    env: {},
    params: {},
    inputs: {},
    outputs: {},
    graceMs: 5_000,
    keepCheckpoints: 3,
    ...change,
  };
}

export const submit = (executor: Executor, request: JobRequest, secrets: Record<string, string> = {}): Promise<JobHandle> =>
  executor.submit(executor.render(request), request, secrets);

export async function until<T>(what: string, look: () => T | undefined | false | Promise<T | undefined | false>, withinMs = 15_000): Promise<T> {
  const giveUpAt = Date.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > giveUpAt) throw new Error(`not within ${withinMs} ms: ${what}`);
    await sleep(20);
  }
}

export const ended = (executor: Executor, handle: JobHandle): Promise<JobObservation> =>
  until('the job ends', async () => {
    const seen = await executor.observe(handle);
    return (seen.state === 'exited' || seen.state === 'lost') && seen;
  });

export const startLines = (handle: JobHandle): string[] => {
  try {
    // The file is there, and empty, an instant before the program is.
    return readFileSync(join(handle.jobDir, 'starts.jsonl'), 'utf8').split('\n').slice(0, -1);
  } catch {
    return [];
  }
};

export function pidLives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** The beginning of every script that saves: it writes a checkpoint of `step` and announces it. */
export const SAVE = `
const fs = require('node:fs'), path = require('node:path');
const say = (line) => fs.appendFileSync(process.env.FERRY_PROGRESS_FILE, JSON.stringify(line) + '\\n');
const save = (step, text = 'weights ' + step, extra = {}) => {
  const dir = path.join(process.env.FERRY_CHECKPOINT_DIR, 'step-' + step);
  fs.mkdirSync(dir, { recursive: true });
  fs.writeFileSync(path.join(dir, 'a.bin'), text);
  fs.writeFileSync(path.join(dir, 'b.bin'), 'more ' + text);
  say({ step });
  say({ checkpoint: { step, path: dir, ...extra } });
};
`;
/** The end of a script that goes on for ever. */
export const FOREVER = ';setInterval(() => {}, 1000);';
