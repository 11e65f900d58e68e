import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { JOBS } from '../../src/jobs/registry.js';
import { runJobProgram } from '../../src/jobs/job-context.js';

export interface JobOutcome {
  code: number;
  /** Lines of the job's log. */
  log: string[];
  progress: Record<string, unknown>[];
  /** The folder of an output. */
  output: (name: string) => string;
}

/** Runs a program of the registry in this process as its wrapper would: `variables` are inputs and what else the contract sets. */
export async function runJob(place: string, name: string, params: unknown, { variables = {}, signal = new AbortController().signal }: { variables?: Record<string, string>; signal?: AbortSignal } = {}): Promise<JobOutcome> {
  const entry = JOBS.find((job) => job.name === name);
  if (entry === undefined) throw new Error(`no job program ${name}`);
  const { run } = await entry.load();
  const out = join(place, 'out');
  mkdirSync(out, { recursive: true });
  writeFileSync(join(place, 'params.json'), JSON.stringify(params));
  const progressFile = join(place, 'progress.jsonl');
  const log: string[] = [];
  const env = { FERRY_OUTPUT_DIR: out, FERRY_PARAMS_FILE: join(place, 'params.json'), FERRY_PROGRESS_FILE: progressFile, ...variables };
  const code = await runJobProgram(run, { env, log: (message) => log.push(message), signal });
  const lines = existsSync(progressFile) ? readFileSync(progressFile, 'utf8').split('\n').filter((line) => line !== '') : [];
  return { code, log, progress: lines.map((line) => JSON.parse(line) as Record<string, unknown>), output: (of) => join(out, of) };
}
