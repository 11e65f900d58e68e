import { lstatSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ArtifactRef } from '../../domain/artifact.js';
import type { JobExit } from '../../domain/job.js';
import { LocalStore } from '../artifacts/local-store.js';
import { isStorageFull } from '../artifacts/store-error.js';
import { listTree } from '../artifacts/tree.js';
import { isFenced, jobPaths, writeExit } from './job-dir.js';
import type { JobRecord } from './job-dir.js';
import { logLine } from './wrapper-log.js';

export type Problem = NonNullable<JobExit['problem']>;

const MAX_MESSAGE = 2000;
/** Somebody who sees the alarm of a full disk needs some time to make room; the result of the job waits for that long. */
const EXIT_RETRY_FOR_MS = 30 * 60_000;
const EXIT_RETRY_EVERY_MS = 1_000;

export function problemOf(error: unknown, kind: Problem['kind'] = 'storage_error'): Problem {
  const message = (error instanceof Error ? error.message : String(error)).slice(0, MAX_MESSAGE);
  return { kind: isStorageFull(error) ? 'storage_full' : kind, message };
}

export function fencedProblem(): Problem {
  return { kind: 'fenced', message: 'a newer attempt of this stage was submitted, so this one may start or publish nothing' };
}

/** Checks and takes in what a program that ended with 0 has left. */
export async function collectOutputs(jobDir: string, record: JobRecord): Promise<Pick<JobExit, 'outputs' | 'problem'>> {
  if (isFenced(jobDir, record.identity)) return { outputs: {}, problem: fencedProblem() };
  const { out } = jobPaths(jobDir);
  const outputs: Record<string, ArtifactRef> = {};
  const present: string[] = [];
  const missing: string[] = [];
  try {
    for (const [name, { optional }] of Object.entries(record.outputs)) {
      if (await holdsSomething(join(out, name))) present.push(name);
      else if (!optional) missing.push(name);
    }
    if (missing.length > 0) {
      const message = `the program ended with 0 but left no ${missing.map((name) => `out/${name}`).join(', ')}: write it below FERRY_OUTPUT_DIR`;
      return { outputs, problem: { kind: 'missing_output', message: message.slice(0, MAX_MESSAGE) } };
    }
    mkdirSync(record.storeRoot, { recursive: true });
    const store = new LocalStore(record.storeRoot);
    for (const name of present) {
      const { kind = 'output', annotations } = record.outputs[name] ?? {};
      outputs[name] = await store.adopt(join(out, name), { kind, ...(annotations === undefined ? {} : { annotations }) });
    }
    return { outputs };
  } catch (error) {
    return { outputs, problem: problemOf(error) };
  }
}

/** An empty directory is no output: a program that makes its directories first and then fails quietly leaves just that. */
async function holdsSomething(path: string): Promise<boolean> {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return false;
  return (await listTree(path)).files.length > 0;
}

/**
 * Writes the exit record, last of all. On a full disk the reserve is given up for it, and it is tried again and again:
 * a job without an exit record counts as lost, and its work would be done once more. Where the job's directory is gone,
 * nobody can look for the record any more, and it is given up at once.
 */
export async function recordExit(jobDir: string, exit: JobExit): Promise<void> {
  const until = Date.now() + EXIT_RETRY_FOR_MS;
  for (;;) {
    try {
      rmSync(jobPaths(jobDir).reserve, { force: true });
      writeExit(jobDir, exit);
      return;
    } catch (error) {
      if (Date.now() > until || isGone(jobDir)) throw error;
      logLine(`exit record: ${error instanceof Error ? error.message : String(error)}`);
      await sleep(EXIT_RETRY_EVERY_MS);
    }
  }
}

/** Only where it is certain: a share that cannot be asked for a while is not gone. */
function isGone(jobDir: string): boolean {
  try {
    return lstatSync(jobDir, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false;
  }
}
