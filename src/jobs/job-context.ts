import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type * as z from 'zod';
import { parseLoosely } from '../domain/loose-json.js';
import type { Verdict } from '../domain/reports/verdict.js';

/** Exit codes of the job contract. */
export const JOB_EXIT = { done: 0, failed: 1, tryAgain: 75, configuration: 78 } as const;

/**
 * Thrown when no second try can help, so that a person is asked at once: a wrong parameter, a missing input, an input
 * that is damaged or of a form that is not supported. Ends the job with 78.
 */
export class JobConfigurationError extends Error {
  override readonly name = 'JobConfigurationError';
}

/**
 * Thrown for a failure that another try may not meet and that its message explains whole, such as a server that is gone
 * or a file that became shorter while it was read: the log has no stack of it. Ends the job with 1.
 */
export class JobFailedError extends Error {
  override readonly name = 'JobFailedError';
}

/** So many reasons of a verdict are taken off a progress line; the job's report has them all. */
const TOLD_REASONS = 5;

/** A line for the progress file; docs/job-contract.md has the forms. */
export type ProgressLine = Readonly<Record<string, unknown>>;

/** What a program under the job contract is given, read once from its environment. */
export interface JobContext {
  /** The folder of an input. Throws JobConfigurationError where the job has none of that name. */
  input(name: string): string;
  /** The folder of an input, or undefined where the job has none of that name. */
  optionalInput(name: string): string | undefined;
  /** Where the output of that name goes; the program makes it. */
  output(name: string): string;
  /** The job's parameters in the form of `schema`. Throws JobConfigurationError that names each wrong one. */
  params<T extends z.ZodType>(schema: T): z.output<T>;
  /** The value of a contract variable, such as `FERRY_URL_REFERENCE`; undefined where it is not set. */
  variable(name: `FERRY_${string}`): string | undefined;
  /** Appends to the progress file. */
  progress(line: ProgressLine): void;
  /** Tells what the job found: its reasons go to the log, the first of them to the run. */
  verdict(verdict: Verdict): void;
  /** A line for the job's log. */
  log(message: string): void;
  /** Aborted by SIGTERM: save, then leave; the job ends with 75. */
  signal: AbortSignal;
}

/** A program of modelferry that runs as a job: resolves when its outputs are complete. */
export type JobProgram = (job: JobContext) => Promise<void>;

const variableOf = (name: string): string => `FERRY_INPUT_${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`;

/**
 * Reads the environment of the job contract. Throws JobConfigurationError outside a job.
 * @param world.env the process's environment
 * @param world.log takes what belongs into the job's log
 */
export function openJob(world: { env: Readonly<Record<string, string | undefined>>; log: (message: string) => void; signal: AbortSignal }): JobContext {
  const required = (name: string): string => {
    const value = world.env[name];
    if (value === undefined || value === '') throw new JobConfigurationError(`${name} is not set: this program runs as a job of modelferry (docs/job-contract.md says how to try it by hand)`);
    return value;
  };
  const outputDir = required('FERRY_OUTPUT_DIR');
  const progressFile = required('FERRY_PROGRESS_FILE');
  const paramsFile = required('FERRY_PARAMS_FILE');
  const optionalInput = (name: string): string | undefined => world.env[variableOf(name)];
  const progress = (line: ProgressLine): void => appendFileSync(progressFile, `${JSON.stringify(line)}\n`);
  return {
    optionalInput,
    input(name) {
      const folder = optionalInput(name);
      if (folder === undefined) throw new JobConfigurationError(`this job needs the input ${name} (${variableOf(name)}), and its stage has none`);
      if (!existsSync(folder)) throw new JobConfigurationError(`the input ${name} is not there: ${folder}`);
      return folder;
    },
    output: (name) => join(outputDir, name),
    params(schema) {
      const parsed = schema.safeParse(parseLoosely(readFileSync(paramsFile, 'utf8')));
      if (!parsed.success) throw new JobConfigurationError(`wrong parameters: ${parsed.error.issues.map((issue) => `${issue.path.join('.') || '(all)'}: ${issue.message}`).join('; ')}`);
      return parsed.data;
    },
    variable: (name) => world.env[name],
    progress,
    verdict({ value, reasons }) {
      progress({ verdict: { value, reasons: reasons.slice(0, TOLD_REASONS) } });
      for (const reason of reasons) world.log(`${value}: ${reason}`);
    },
    log: world.log,
    signal: world.signal,
  };
}

/** Runs a program to its exit code, as the contract has them: 0 done, 75 told to stop, 78 wrong configuration, 1 anything else. */
export async function runJobProgram(program: JobProgram, world: Parameters<typeof openJob>[0]): Promise<number> {
  try {
    await program(openJob(world));
    return JOB_EXIT.done;
  } catch (error) {
    if (world.signal.aborted) {
      world.log('stopped as asked; try again');
      return JOB_EXIT.tryAgain;
    }
    world.log(error instanceof JobConfigurationError || error instanceof JobFailedError ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error));
    return error instanceof JobConfigurationError ? JOB_EXIT.configuration : JOB_EXIT.failed;
  }
}
