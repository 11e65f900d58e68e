import type { Problem } from '../domain/problems.js';

/** Exit code for a server or worker that cannot be reached: the same call is safe to repeat. */
export const EXIT_UNREACHABLE = 4;
/** Exit code for wrong usage or configuration: nothing was done. */
export const EXIT_USAGE = 2;

/** What a ClientError is made of. */
export interface ClientErrorInput {
  /** Stable, snake_case, part of the `--json` answer: `unreachable`, `connection_config`, `unauthorized` … */
  code: string;
  message: string;
  /** What to do next, naming the command to type. */
  hint: string;
  exitCode: number;
  /** Everything that is wrong, where there is more to say than the message. */
  problems?: readonly Problem[];
  cause?: unknown;
}

/** Thrown when a client function cannot do its work for a reason that the caller can put right. */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  readonly code: string;
  readonly hint: string;
  readonly exitCode: number;
  readonly problems: readonly Problem[];

  constructor({ code, message, hint, exitCode, problems = [], cause }: ClientErrorInput) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.hint = hint;
    this.exitCode = exitCode;
    this.problems = problems;
  }
}

/** The text of whatever was thrown: one line, without a stack. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n')[0] ?? text;
}
