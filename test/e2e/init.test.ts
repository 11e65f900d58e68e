import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findServer } from '../../src/engines/temporal-server/find-server.js';
import { TEST_SERVER } from '../../src/engines/temporal-server/server-program.js';
import { ROOT } from '../support/sources.js';
import { TEST_TOOLS_DIR } from '../support/temporal-server.js';

/** What `npm install` would have put there, taken from this checkout: no network. */
const INSTALLED = { modelferry: '.', typescript: 'node_modules/typescript', vitest: 'node_modules/vitest', '@types/node': 'node_modules/@types/node', zod: 'node_modules/zod' };
const PROGRAMS = { ferry: 'bin/ferry.js', tsc: 'node_modules/.bin/tsc', vitest: 'node_modules/.bin/vitest' };

interface Ended {
  code: number;
  /** Both streams, in the order in which they came. */
  said: string;
}

let root: string;
let env: Record<string, string>;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'ferry-init-'));
  const server = await findServer({ program: TEST_SERVER, toolsDir: TEST_TOOLS_DIR, env: process.env });
  // Not this process's environment: vitest in vitest would take its settings from it.
  env = { PATH: process.env['PATH'] ?? '', HOME: root, FERRY_HOME: join(root, 'home'), FERRY_TEST_SERVER: server.path, FERRY_USER: 'tester' };
}, 300_000);
afterAll(() => rm(root, { recursive: true, force: true }));

const run = (cwd: string, program: string, ...args: string[]): Promise<Ended> =>
  new Promise((ended) => {
    let said = '';
    const child = execFile(program, args, { cwd, env: { ...env, PATH: `${join(cwd, 'node_modules/.bin')}:${env['PATH']}` }, timeout: 170_000 }, (error) => ended({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, said }));
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text: string) => (said += text));
  });

async function install(dir: string): Promise<void> {
  await mkdir(join(dir, 'node_modules/.bin'), { recursive: true });
  await mkdir(join(dir, 'node_modules/@types'));
  for (const [name, path] of Object.entries(INSTALLED)) await symlink(join(ROOT, path), join(dir, 'node_modules', name));
  for (const [name, path] of Object.entries(PROGRAMS)) await symlink(join(ROOT, path), join(dir, 'node_modules/.bin', name));
}

/** An empty folder with what a project needs, made into one. */
async function project(template: string): Promise<string> {
  const dir = join(root, template);
  await install(dir);
  expect(await run(dir, 'ferry', 'init', '--template', template)).toMatchObject({ code: 0 });
  return dir;
}

async function edit(file: string, from: string, to: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  expect(text).toContain(from);
  await writeFile(file, text.replace(from, to));
}

describe('a project that ferry init made for a pipeline of one’s own', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await project('custom');
  });

  it('type-checks, passes its rehearsals, which leave recorded runs, and has a spec without problems', async () => {
    const { code, said } = await run(dir, 'npm', 'test');
    expect({ code, said: code === 0 ? '' : said }).toEqual({ code: 0, said: '' });
    expect(said).toContain('→ ferry start run.yaml');
    expect((await readdir(join(dir, 'test/histories'))).sort()).toEqual(['approved.1.json', 'expired.1.json']);
  });

  it('does not compile where a stage is handed what it does not read', async () => {
    await edit(join(dir, 'src/pipelines.ts'), 'await stages.approve({ model });', 'await stages.approve({ model: inputs.corpus });');
    const { code, said } = await run(dir, 'tsc');
    expect(code).not.toBe(0);
    expect(said).toMatch(/src\/pipelines\.ts.+error TS/);
    await edit(join(dir, 'src/pipelines.ts'), 'await stages.approve({ model: inputs.corpus });', 'await stages.approve({ model });');
    expect((await run(dir, 'tsc')).code).toBe(0);
  });

  it('fails its test where the pipeline does something else than the recorded runs did', async () => {
    await edit(join(dir, 'src/pipelines.ts'), 'await stages.approve({ model });', '');
    expect((await run(dir, 'npm', 'run', 'build')).code).toBe(0);
    const { code, said } = await run(dir, 'vitest', 'run', '-t', 'go on with the code of today');
    expect(code).toBe(1);
    expect(said).toContain('approved.1.json');
    expect(said).toContain('patched()');
  });
});

describe('a project that ferry init made for a release', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await project('release');
  });

  it('type-checks, passes its rehearsals, which leave recorded runs, and has a spec without problems', async () => {
    const { code, said } = await run(dir, 'npm', 'test');
    expect({ code, said: code === 0 ? '' : said }).toEqual({ code: 0, said: '' });
    expect(said).toContain('line 1 at the site laptop');
    expect((await readdir(join(dir, 'test/histories'))).sort()).toEqual(['fallen-back.1.json', 'sent-back.1.json']);
    expect((await run(dir, 'tsc')).code).toBe(0);
  });

  it('fails its test where the spec has a stage that there is not', async () => {
    await edit(join(dir, 'run.yaml'), 'assessQuality:', 'assessQualitty:');
    const { code, said } = await run(dir, 'ferry', 'plan', 'run.yaml');
    expect(code).toBe(2);
    expect(said).toContain('assessQuality');
  });
});

it('examples/more-pipelines, which is no template, passes its own test', async () => {
  const dir = join(root, 'more');
  await cp(join(ROOT, 'examples/more-pipelines'), dir, { recursive: true, filter: (path) => !/\/(?:node_modules|dist)$/.test(path) });
  await install(dir);
  const { code, said } = await run(dir, 'npm', 'test');
  expect({ code, said: code === 0 ? '' : said }).toEqual({ code: 0, said: '' });
});
