// The job contract in a few lines: the environment in, JSON lines of progress out (docs/job-contract.md of modelferry).
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const EXIT = { done: 0, failed: 1, tryAgain: 75, configuration: 78 } as const;

/** Thrown for what no second try can help: the job ends with 78, and a person is asked with this message. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

/** Thrown where SIGTERM ends a job that has nothing to save: it ends with 75. */
export class StoppedError extends Error {
  override readonly name = 'StoppedError';
}

/** Signals arrive between turns of the event loop only: a loop that computes has to let them in. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export type Environment = Readonly<Record<string, string | undefined>>;
export type Params = Readonly<Record<string, unknown>>;

export function required(env: Environment, name: `FERRY_${string}`): string {
  const value = env[name];
  if (value === undefined || value === '') throw new ConfigurationError(`${name} is not set: this program runs as a job of modelferry; README.md says how to try it by hand`);
  return value;
}

/** One line: the last line of the log is what a person is shown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ');

/** The folder of an input such as `DATASET`. */
export function input(env: Environment, name: string): string {
  const folder = env[`FERRY_INPUT_${name}`];
  if (folder === undefined || !existsSync(folder)) throw new ConfigurationError(`the input ${name.toLowerCase()} is missing (FERRY_INPUT_${name})`);
  return folder;
}

export const output = (env: Environment, name: string): string => join(required(env, 'FERRY_OUTPUT_DIR'), name);

export function readParams(env: Environment): Params {
  const file = required(env, 'FERRY_PARAMS_FILE');
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new ConfigurationError(`the parameters in ${file} cannot be read as JSON: ${messageOf(error)}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ConfigurationError('the parameters are no object');
  return value as Params;
}

/** Appends a line to the progress file; without one (by hand) it goes nowhere. */
export const report = (env: Environment, line: Readonly<Record<string, unknown>>): void => {
  if (env['FERRY_PROGRESS_FILE']) appendFileSync(env['FERRY_PROGRESS_FILE'], `${JSON.stringify(line)}\n`);
};

/** Runs a job's body to its exit code. */
export async function runJob(body: () => Promise<number>): Promise<number> {
  try {
    return await body();
  } catch (error) {
    // The last line of the log is what a person is shown.
    const told = error instanceof ConfigurationError || error instanceof StoppedError;
    console.error(told ? error.message : error instanceof Error ? (error.stack ?? error.message) : error);
    return error instanceof ConfigurationError ? EXIT.configuration : error instanceof StoppedError ? EXIT.tryAgain : EXIT.failed;
  }
}
