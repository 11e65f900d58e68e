import type { Problem } from '../domain/problems.js';
import type { CliContext } from './context.js';

/** The exit codes of docs/contract.md. */
export const EXIT = { done: 0, negative: 1, usage: 2, undecided: 3, unreachable: 4 } as const;

/** An error as the contract shows it. */
export interface ShownError {
  code: string;
  message: string;
  hint: string;
  problems: readonly Problem[];
  exitCode: number;
}

/** Thrown for a call that cannot be carried out as it was typed. */
export class UsageError extends Error {
  override readonly name = 'UsageError';

  constructor(
    message: string,
    /** The next thing to type. */
    readonly hint: string,
    readonly problems: readonly Problem[] = [],
    readonly code = 'usage',
  ) {
    super(message);
  }
}

/**
 * The one place where an error becomes an answer. Our errors are told by their names and not by their classes: loading
 * the classes would load the SDK and the schemas for a command that needs neither.
 */
export function shownError(error: unknown, command: string): ShownError {
  const e: ErrorLike = error instanceof Error ? (error as ErrorLike) : new Error(String(error));
  const shown = { code: e.code ?? 'unexpected', message: e.message, hint: e.hint ?? '', problems: (e.problems ?? []) as readonly Problem[] };
  switch (e.name) {
    case 'ClientError':
      return { ...shown, exitCode: e.exitCode ?? EXIT.negative };
    case 'UsageError':
      return { ...shown, exitCode: EXIT.usage };
    case 'InvalidDocument': {
      if (e.what === 'pipelines module') return { ...shown, code: 'pipelines_invalid', hint: 'Nothing was done. Build the module, or name another one with --pipelines FILE', exitCode: EXIT.usage };
      if (e.what === 'activities module') return { ...shown, code: 'activities_invalid', hint: 'Nothing was done. Build the module that FERRY_ACTIVITIES or package.json names', exitCode: EXIT.usage };
      const site = e.what === 'site file';
      return { ...shown, code: site ? 'site_invalid' : 'spec_invalid', hint: `Nothing was done. See what it may hold with: ferry schema ${site ? 'site' : 'run'}`, exitCode: EXIT.usage };
    }
    case 'CommanderError':
      return { ...shown, code: 'usage', message: e.message.replace(/^error: /, '').replaceAll('\n', ' '), hint: `See: ${command} --help`, exitCode: EXIT.usage };
    case 'PayloadError':
      return { ...shown, problems: [], hint: HINTS_OF_PAYLOADS[shown.code] ?? '', exitCode: EXIT.usage };
    case 'StoreError':
      return { ...shown, problems: [], hint: HINTS_OF_STORE[shown.code] ?? 'Look at the store and its disk; the command is safe to repeat', exitCode: shown.code === 'artifact_missing' || shown.code === 'path_refused' ? EXIT.usage : EXIT.negative };
    case 'ReleaseError': {
      const usage = shown.code === 'release_missing' || shown.code === 'release_refused';
      return { ...shown, problems: [], hint: usage ? 'See what is there with: ferry release list' : 'See all that is wrong with: ferry release verify REF', exitCode: usage ? EXIT.usage : EXIT.negative };
    }
    default:
      return { code: 'unexpected', message: e.message, hint: 'This is a mistake in ferry, or something broke underneath it; FERRY_DEBUG=1 shows where', problems: [], exitCode: EXIT.negative };
  }
}

interface ErrorLike extends Error {
  code?: string;
  hint?: string;
  exitCode?: number;
  problems?: readonly unknown[];
  what?: string;
}

const HINTS_OF_PAYLOADS: Readonly<Record<string, string>> = {
  payloads_encrypted: 'Give the site file that holds the key with --site FILE, or export FERRY_SITE=FILE',
  payload_key_unknown: 'Give the site file that holds this key with --site FILE; a former key stands under payloads.encryption.previous',
  payload_damaged: 'Nobody can read it. See in the Temporal Web UI which one it is, and who sent it',
  payload_key_invalid: 'Put the secret right, then: ferry doctor',
};

const HINTS_OF_STORE: Readonly<Record<string, string>> = {
  artifact_missing: 'Nothing was done. Take something in with: ferry artifact add PATH --kind KIND',
  artifact_corrupt: 'It is not used. Take it in again from where it came: ferry artifact add PATH --kind KIND',
  path_refused: 'Nothing was done. Put what is meant into the spec\'s own folder, without links',
  storage_full: 'Make room, then repeat the command',
};

/** Writes an error: one JSON document on stdout where JSON is wanted, else text on stderr. Returns the exit code. */
export function report(error: unknown, context: Pick<CliContext, 'json' | 'stdout' | 'stderr' | 'env'>, command: string): number {
  const { exitCode, ...shown } = shownError(error, command);
  if (context.env['FERRY_DEBUG'] && error instanceof Error) context.stderr.write(`${error.stack ?? ''}\n`);
  if (context.json) context.stdout.write(`${JSON.stringify({ error: shown })}\n`);
  else context.stderr.write(errorText(shown));
  return exitCode;
}

function errorText({ message, hint, problems }: Omit<ShownError, 'exitCode'>): string {
  const lines = [`error: ${message}`];
  for (const { path, found, expected, suggestion } of problems) lines.push(`  ${path}: found ${found}; expected ${expected}${suggestion === undefined ? '' : ` (${suggestion})`}`);
  if (hint !== '') lines.push(`→ ${hint}`);
  return `${lines.join('\n')}\n`;
}
