// Holds what the pages tell a reader to type to the commands that are there.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { commandOf } from '../../src/cli/command-of.js';
import { findCommand, splitCommon } from '../../src/cli/main.js';
import { call } from '../cli/call.js';
import { ROOT } from '../support/sources.js';

const scriptsOf = (folder: string): Record<string, string> => (JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as { scripts: Record<string, string> }).scripts;
/** Of this package, and of a user's project as the example has them: the pages are about both. */
const SCRIPTS = { ...scriptsOf('examples/custom-pipeline'), ...scriptsOf('.') };
const NPM_OWN = ['ci', 'install', 'test'];
/** Commander's words for a call that is only mentioned: `ferry approve RUN` without its reason. */
const INCOMPLETE = ['commander.missingArgument', 'commander.missingMandatoryOptionValue'];

/** What is wrong with a command of a page. `mentioned`: in a sentence, where arguments may be left out. */
export async function problemsOfCall(words: readonly string[], { mentioned = false, folder = ROOT }: { mentioned?: boolean; folder?: string } = {}): Promise<string[]> {
  const [program = '', ...args] = words;
  const isThere = (path: string): boolean => existsSync(join(folder, path)) || existsSync(join(ROOT, path));
  if (program === 'ferry') return await problemsOfFerry(args, mentioned);
  if (program === 'npx' && args[0] === 'ferry') return await problemsOfFerry(args.slice(1), mentioned);
  if (program === 'npx') return existsSync(join(ROOT, 'node_modules/.bin', args[0] ?? '')) ? [] : [`npx ${args[0]}: no package here has this program`];
  if (program === 'npm') return await problemsOfNpm(args, mentioned);
  if (program === 'node') {
    const file = args[0];
    return file === undefined || file.startsWith('-') || isThere(file) ? [] : [`node ${file}: there is no such file`];
  }
  if (program.includes('/')) return isThere(program) ? [] : [`${program}: there is no such file`];
  return [];
}

async function problemsOfNpm([verb = '', script = '', ...rest]: readonly string[], mentioned: boolean): Promise<string[]> {
  if (NPM_OWN.includes(verb)) return [];
  if (verb !== 'run') return [`npm ${verb}: known are run, ${NPM_OWN.join(', ')}`];
  const runs = SCRIPTS[script];
  if (runs === undefined) return [`npm run ${script}: package.json has no such script`];
  const [, ferry] = /^node bin\/ferry\.js (.+)$/.exec(runs) ?? [];
  return ferry === undefined ? [] : await problemsOfFerry([...ferry.split(' '), ...rest.filter((word, i) => i > 0 || word !== '--')], mentioned);
}

async function problemsOfFerry(args: readonly string[], mentioned: boolean): Promise<string[]> {
  const typed = `ferry ${args.join(' ')}`;
  const { common, rest } = splitCommon(args);
  if (rest.length === 0 || ['--help', '-h', '--version', '-V'].includes(rest[0] ?? '')) return [];
  try {
    const found = findCommand(rest[0] === 'help' ? [...rest.slice(1), '--help'] : rest);
    if (found.entry === undefined) return mentioned || found.help ? [] : [`${typed}: names a group and none of its commands`];
    const command = commandOf(found.entry, await found.entry.load());
    command.exitOverride().configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
    command.parse([...common, ...found.args], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && (error.exitCode === 0 || (mentioned && INCOMPLETE.includes(error.code)))) return [];
    return [`${typed}: ${error instanceof Error ? error.message : String(error)}`];
  }
  return await problemsOfRunning(rest);
}

/** Runs what needs no server and nothing that a reader would first have to make; a spec that is there is planned, not started. */
async function problemsOfRunning(rest: readonly string[]): Promise<string[]> {
  const [name = '', first = ''] = rest;
  const hasPlaceholder = rest.some((word) => /^[A-Z]+$/.test(word));
  const named = !first.startsWith('-') && first !== '' && existsSync(join(ROOT, first));
  const run = ['plan', 'start', 'demo'].includes(name) && named ? ['plan', first] : ['schema', 'completion'].includes(name) && first !== '' && !hasPlaceholder ? rest : undefined;
  if (run === undefined) return [];
  const { code, err } = await call(run, { cwd: ROOT });
  return code === 0 ? [] : [`ferry ${run.join(' ')}: exits with ${code}: ${err}`];
}
