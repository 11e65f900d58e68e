import { nearest } from '../domain/problems.js';
import type { Output } from './context.js';
import { EXIT, UsageError, report } from './errors.js';
import { COMMANDS, type CommandEntry } from './registry.js';
import { groupHelp, rootHelp } from './root-help.js';

/** The world that a call of `ferry` meets: the process's own, or a test's. */
export interface World {
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  stdout: Output;
  stderr: Output;
  isTty: boolean;
  canAsk: boolean;
  columns: number;
  rows: number;
  /** Aborted by SIGINT and SIGTERM, once `heed` was called with `end` or `tell`; after `own`, when nobody reads the output any more. */
  signal: AbortSignal;
  /** Called with what signals shall do, before the command runs. */
  heed(signals: NonNullable<CommandEntry['signals']>): void;
}

/** Options that may also stand before the command, and whether a value follows. */
const COMMON: Readonly<Record<string, boolean>> = { '--json': false, '--no-color': false, '--address': true, '--namespace': true, '--profile': true, '--site': true };

/** Runs one command and resolves with its exit code. Never rejects: an error becomes an answer. */
export async function main(argv: readonly string[], world: World): Promise<number> {
  const { common, rest } = splitCommon(argv);
  const json = argv.includes('--json');
  try {
    const first = rest[0];
    if (first === undefined || first === '--help' || first === '-h' || (first === 'help' && rest.length === 1)) {
      (first === undefined ? world.stderr : world.stdout).write(rootHelp(COMMANDS));
      return first === undefined ? EXIT.usage : EXIT.done;
    }
    if (first === '--version' || first === '-V') {
      const { packageVersion } = await import('../engines/package-files.js');
      world.stdout.write(`${packageVersion()}\n`);
      return EXIT.done;
    }
    const found = findCommand(first === 'help' ? [...rest.slice(1), '--help'] : rest);
    if (found.entry === undefined) {
      (found.help ? world.stdout : world.stderr).write(groupHelp(found.group, found.members));
      return found.help ? EXIT.done : EXIT.usage;
    }
    return await runCommand(found.entry, [...common, ...found.args], world);
  } catch (error) {
    return report(error, { json, stdout: world.stdout, stderr: world.stderr, env: world.env }, 'ferry');
  }
}

type Found = { entry: CommandEntry; args: string[] } | { entry: undefined; group: string; members: CommandEntry[]; help: boolean };

/** The command that the words begin with and what is left for it, or a group whose member is not named. @throws UsageError where there is none. */
export function findCommand(words: readonly string[]): Found {
  const [first = '', second] = words;
  const entry = COMMANDS.find(({ name }) => name === first);
  if (entry !== undefined) return { entry, args: words.slice(1) };
  const members = COMMANDS.filter(({ name }) => name.startsWith(`${first} `));
  if (members.length === 0) throw unknown(first, [...new Set(COMMANDS.map(({ name }) => name.split(' ')[0] ?? name))]);
  const help = second === '--help' || second === '-h';
  if (second === undefined || help) return { entry: undefined, group: first, members, help };
  const member = members.find(({ name }) => name === `${first} ${second}`);
  if (member !== undefined) return { entry: member, args: words.slice(2) };
  throw unknown(`${first} ${second}`, members.map(({ name }) => name));
}

function unknown(typed: string, names: readonly string[]): UsageError {
  const meant = nearest(typed, names);
  return new UsageError(`There is no command ${JSON.stringify(typed.slice(0, 60))}`, `${meant === undefined ? '' : `Did you mean: ferry ${meant}? `}See all of them with: ferry --help`, [], 'unknown_command');
}

/** Common options before the command, which people write as often as behind it. */
export function splitCommon(argv: readonly string[]): { common: string[]; rest: string[] } {
  let i = 0;
  for (; i < argv.length; i += 1) {
    const word = argv[i] ?? '';
    const takesValue = COMMON[word.split('=')[0] ?? ''];
    if (takesValue === undefined) break;
    if (takesValue && !word.includes('=')) i += 1;
  }
  return { common: argv.slice(0, i), rest: argv.slice(i) };
}

async function runCommand(entry: CommandEntry, args: string[], world: World): Promise<number> {
  world.heed(entry.signals ?? 'end');
  const { runParsed } = await import('./run-parsed.js');
  return await runParsed(entry, args, world);
}
