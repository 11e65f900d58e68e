import type { Env } from '../client/home.js';

/** Where a command writes; the process's own streams, or a test's. */
export interface Output {
  write(text: string): unknown;
}

/** Everything that a command may know of the world it was called in. */
export interface CliContext {
  env: Env;
  cwd: string;
  /** The answer, and nothing else where `json` is set. */
  stdout: Output;
  /** Everything else: progress, warnings, errors. */
  stderr: Output;
  json: boolean;
  /** The folder for the data of `ferry dev`; absolute. */
  home: string;
  /** Whether stdout is a terminal. */
  isTty: boolean;
  /** Whether stdin is one: only then is a question asked. */
  canAsk: boolean;
  color: boolean;
  /** Of the terminal, in characters; 80 where there is none. */
  columns: number;
  /** Of the terminal, in lines; 24 where there is none. */
  rows: number;
  /** Aborted by SIGINT and SIGTERM, or where signals are the command's own, when nobody reads its output any more. A command that waits ends soon afterwards. */
  signal: AbortSignal;
  connection: { address?: string; namespace?: string; profile?: string };
  /** From `--site`. */
  sitePath?: string;
  /** From `--pipelines`. */
  pipelinesPath?: string;
}
