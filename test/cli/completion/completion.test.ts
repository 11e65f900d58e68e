// The completion scripts, asked in the shells that they are for.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS } from '../../../src/cli/registry.js';
import { STAGE_NAMES } from '../../../src/domain/stage.js';
import { ROOT } from '../../support/sources.js';
import { call } from '../call.js';

const HERE = join(ROOT, 'test/cli/completion');
const FIRST = [...new Set(COMMANDS.map(({ name }) => name.split(' ')[0] ?? name))];
const COMMON = ['--json', '--no-color', '--help'];
const SERVER = ['--address', '--namespace', '--profile'];
const FILES = ['a.yaml', 'b.yml', 'c.json', 'd.txt', 'my spec.yaml'];
const FOLDERS = ['jobs', 'my folder'];
const SPECS = [...FILES.filter((name) => name !== 'd.txt'), ...FOLDERS];

/** A command line up to the cursor, and all that is offered there. */
const CASES: Readonly<Record<string, readonly string[]>> = {
  'ferry ': [...FIRST, 'help'],
  // Not `jobs/`, although there is a folder of that name.
  'ferry jo': ['job', 'jobs'],
  'ferry jobs ': ['list'],
  'ferry jobs --': [],
  'ferry release ': ['list', 'show', 'verify'],
  'ferry help re': FIRST.filter((word) => word.startsWith('re')),
  'ferry --json re': FIRST.filter((word) => word.startsWith('re')),
  'ferry --address localhost:7233 st': ['start', 'status'],
  'ferry --site ': [...FILES, ...FOLDERS],
  'ferry nope ': [],
  'ferry start --': ['--id', '--pipelines', '--reuse', '--wait', '--site', ...SERVER, ...COMMON],
  'ferry start ': SPECS,
  'ferry start --id demo-1 ': SPECS,
  'ferry start --wait m': ['my folder', 'my spec.yaml'],
  'ferry plan --site a.yaml b': ['b.yml'],
  'ferry plan --site=d': ['d.txt'],
  'ferry approve ': [],
  'ferry approve --ro': ['--role'],
  'ferry approve --role ': [],
  'ferry approve demo-1 --reason ': [],
  'ferry reject demo-1 --to ': STAGE_NAMES,
  'ferry retry demo-1 --set rate=1 --s': ['--set', '--site', '--stop'],
  'ferry list --state ': ['running', 'waiting', 'completed', 'failed', 'rejected', 'cancelled', 'terminated'],
  'ferry list --waiting --sta': ['--state'],
  'ferry logs demo-1 --server ': ['candidate', 'reference'],
  'ferry logs demo-1 --fo': ['--follow'],
  'ferry artifact pull sha256:0123 ': FOLDERS,
  'ferry artifact add d': ['d.txt'],
  'ferry schema ': ['run', 'site'],
  'ferry completion ': ['bash', 'fish', 'zsh'],
};

const SHELLS = { bash: ['bash', '--norc'], zsh: ['zsh', '-f'], fish: ['fish', '--no-config'] } as const;
const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;

let dir: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ferry-completion-'));
  mkdirSync(join(dir, 'here'));
  for (const name of FOLDERS) mkdirSync(join(dir, 'here', name));
  for (const name of FILES) writeFileSync(join(dir, 'here', name), '');
  for (const shell of Object.keys(SHELLS)) writeFileSync(join(dir, shell), (await call(['completion', shell])).out);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const environment = (): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'], HOME: dir, TERM: 'xterm', LC_ALL: 'C.UTF-8' });
/** Names as they are, whether or not a shell gives them with its quotes and with the slash of a folder. */
const plain = (offered: readonly string[]): string[] => [...new Set(offered.map((word) => word.replaceAll('\\', '').replace(/^--site=|\/$/g, '')))].sort();

describe.each(Object.entries(SHELLS))('the completion of ferry in %s', (shell, [program, flag]) => {
  const run = (...args: string[]): string => execFileSync(program, [flag, ...args], { cwd: join(dir, 'here'), env: environment(), encoding: 'utf8', timeout: 60_000, stdio: ['ignore', 'pipe', 'pipe'] });

  // The shell must be on PATH: .ci/run installs it where it may.
  it.skipIf(!has(shell))('offers commands, options, stages, choices and files, each in its place', { timeout: 90_000 }, () => {
    const answers = run(join(HERE, `ask.${shell}`), join(dir, shell), ...Object.keys(CASES)).split('\n');
    const offered = Object.keys(CASES).map((line, i) => [line, plain((answers[i] ?? '').split('\t').filter((word) => word !== ''))]);
    expect(Object.fromEntries(offered)).toEqual(Object.fromEntries(Object.entries(CASES).map(([line, words]) => [line, plain(words)])));
  });

  it.skipIf(!has(shell))('offers every option of every command', { timeout: 90_000 }, async () => {
    const names = COMMANDS.map(({ name }) => name);
    const answers = run(join(HERE, `ask.${shell}`), join(dir, shell), ...names.map((name) => `ferry ${name} --`)).split('\n');
    for (const [i, name] of names.entries()) {
      const { out } = await call([...name.split(' '), '--help']);
      const shown = [...out.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, long = '']) => long);
      expect(plain((answers[i] ?? '').split('\t')), name).toEqual([...shown].sort());
    }
  });
});

it.skipIf(!has('bash') || !has('python3'))('a name with a blank is completed and quoted where it is typed', { timeout: 30_000 }, () => {
  const keys = ['PS1= PS2=', `source '${join(dir, 'bash')}'`, String.raw`ferry() { printf '<%s>' "$@"; }`, 'ferry start --wai\tmy\\ sp\t', 'exit', ''].join('\n');
  const out = execFileSync('python3', [join(HERE, 'type.py'), keys], { cwd: join(dir, 'here'), env: environment(), encoding: 'utf8', timeout: 20_000 });
  expect(out).toContain('<start><--wait><my spec.yaml>');
});

describe('ferry completion', () => {
  it('refuses another shell and names those that it knows', async () => {
    expect(await call(['completion', 'zhs'])).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/Did you mean zsh\?.*ferry completion bash/) as unknown });
  });

  it('gives the script as one document with --json', async () => {
    const { out } = await call(['completion', 'bash', '--json']);
    expect(JSON.parse(out)).toEqual({ shell: 'bash', script: (await call(['completion', 'bash'])).out });
  });

  it.each(['bash', 'zsh', 'fish'])('never calls ferry from the script for %s', async (shell) => {
    const { out } = await call(['completion', shell]);
    expect(out.split('\n').filter((line) => /(?:^\s*|[(`|;]\s*)ferry\s/.test(line))).toEqual([]);
  });
});
