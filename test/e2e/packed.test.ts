// The package as it is published: what is in it, and what a project of somebody else's does with it and nothing else.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pidExists } from '../../src/client/home.js';
import { findServer } from '../../src/engines/temporal-server/find-server.js';
import { TEST_SERVER } from '../../src/engines/temporal-server/server-program.js';
import { ROOT } from '../support/sources.js';
import { TEST_TOOLS_DIR } from '../support/temporal-server.js';
import { Ferry, type Dev } from './ferry.js';

const MAX_PACKED_BYTES = 5_000_000;
/** What paths of a machine begin with; the checkout's own, and the user's, wherever they are. */
const MACHINE = new RegExp([ROOT, `${homedir()}/`].map((path) => path.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|') + String.raw`|(?<![\w.~-])/(?:home|Users|tmp|var/folders)/`);

/** What help texts show as a place of one's own. */
const EXAMPLES = /\/tmp\/(?:ferry-demo|tiny\.html)\b/g;

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'ferry-packed-')));
const unpacked = join(folder, 'unpacked/package');
const project = join(folder, 'project');
let tarball: string;
let files: string[];

/** A client script as a project would write it. */
const RELEASE_SCRIPT = `import { setTimeout as sleep } from 'node:timers/promises';
import { ClientError, LocalStore, connect, decide, defaultHome, describeRun, listRuns, loadPipelines, loadSite, loadSpec, specStore, startRun, storeDirOf } from 'modelferry/client';

const { env } = process;
const cwd = process.cwd();
const home = defaultHome({ env });
const { client, close } = await connect({ home, env });
const { pipelines } = await loadPipelines(new URL('dist/pipelines.js', import.meta.url).pathname);
const { input, dir } = await loadSpec({ file: 'run.yaml', cwd, own: async () => pipelines });
const store = new LocalStore(storeDirOf(await loadSite({ cwd, builtIn: true }), home));
const start = (spec) => startRun({ client, spec, pipelines, id: 'by-script', requestedBy: 'alice', openStore: () => specStore({ store, dir }) });

const started = await start({ ...input, version: '2' });
const until = async (holds) => {
  for (;;) {
    const view = await describeRun({ client, run: started.run });
    if (holds(view)) return view;
    await sleep(200);
  }
};
const { waitingOn: [{ gate }] } = await until(({ waitingOn }) => waitingOn.length > 0);
const answer = await decide({ client, run: started.run, decision: { gate, verdict: 'approve', approver: 'demo-manager', reason: 'by a script' } });
const { state } = await until(({ endedAt }) => endedAt !== null);
const listed = (await listRuns({ client })).map(({ run }) => run);
const refused = await start({ ...input, model: '../x' }).catch((error) => error instanceof ClientError && error.code);
console.log(JSON.stringify({ started, gate, answer, state, listed, refused }));
await close();
`;

const say = (text: string): void => void process.stderr.write(`${text}\n`);
const secondsSince = (from: number): string => ((Date.now() - from) / 1000).toFixed(1);
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(2);
const textOf = (path: string): string => readFileSync(join(unpacked, path), 'utf8');

beforeAll(() => {
  const [packed] = JSON.parse(execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })) as [{ filename: string; size: number; unpackedSize: number; entryCount: number }];
  tarball = join(folder, packed.filename);
  mkdirSync(dirname(unpacked), { recursive: true });
  execFileSync('tar', ['-xzf', tarball, '-C', dirname(unpacked)]);
  files = readdirSync(unpacked, { recursive: true, encoding: 'utf8' }).filter((path) => statSync(join(unpacked, path)).isFile());
  say(`packed: ${megabytes(packed.size)} MB, unpacked ${megabytes(packed.unpackedSize)} MB, ${packed.entryCount} files`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the tarball', () => {
  it('is small', () => {
    expect(statSync(tarball).size).toBeLessThan(MAX_PACKED_BYTES);
  });

  it('has no test and no source but those of the examples, which ferry init copies, no benchmark, and nothing that was installed', () => {
    const allowed = /^(?:bin|dist|docs)\/|^examples\/[^/]+\/(?!dist\/|node_modules\/)|^(?:README\.md|LICENSE|package\.json)$/;
    expect(files.filter((path) => !allowed.test(path))).toEqual([]);
    expect(files.filter((path) => /\.map$|\.tsbuildinfo$/.test(path))).toEqual([]);
    expect(files.filter((path) => (/\.test\./.test(path) || (path.endsWith('.ts') && !path.endsWith('.d.ts'))) && !path.startsWith('examples/'))).toEqual([]);
  });

  it('says nothing of the machine that built it, in the map of the workflow bundle neither', () => {
    const [, map = ''] = /sourceMappingURL=data:[^,]*;base64,([0-9A-Za-z+/=]+)\s*$/.exec(textOf('dist/workflow-bundle.js')) ?? [];
    const { sources, sourcesContent } = JSON.parse(Buffer.from(map, 'base64').toString()) as { sources: string[]; sourcesContent?: unknown };
    expect(sources).toContain('dist/workflows/run-context.js');
    expect(sources.filter((source) => source.startsWith('/') || source.startsWith('..'))).toEqual([]);
    expect(sourcesContent).toBeUndefined();
    expect(files.filter((path) => MACHINE.test(textOf(path).replaceAll(EXAMPLES, '')))).toEqual([]);
  });

  it('has every file that package.json points to', () => {
    const { exports, bin } = JSON.parse(textOf('package.json')) as { exports: Record<string, string | Record<string, string>>; bin: Record<string, string> };
    const targets = [...Object.values(exports).flatMap((target) => (typeof target === 'string' ? [target] : Object.values(target))), ...Object.values(bin)];
    expect(targets.length).toBeGreaterThanOrEqual(14);
    expect(targets.filter((target) => !existsSync(join(unpacked, target)))).toEqual([]);
  });

  it('has every file that another of its files imports', () => {
    const missing = files
      .filter((path) => /^(?:dist|bin)\/.*\.(?:js|d\.ts)$/.test(path) && !/^dist\/workflow-bundle(?:-encrypted)?\.js$/.test(path))
      .flatMap((path) =>
        [...textOf(path).replaceAll(/\/\*[\s\S]*?\*\//g, '').matchAll(/^(?:import|export|\}).*?\bfrom\s*["'](\.{1,2}\/[^"']+)["'];?$|\bimport\(\s*["'](\.{1,2}\/[^"']+)["']\)/gm)]
          .map((found) => found[1] ?? found[2] ?? '')
          .map((specifier) => join(dirname(path), path.endsWith('.d.ts') ? specifier.replace(/\.js$/, '.d.ts') : specifier))
          .filter((target) => !files.includes(target))
          .map((target) => `${path}: ${target}`),
      );
    expect(missing).toEqual([]);
  });
});

describe('a project that has installed it', () => {
  const bin = (name: string): string => join(project, 'node_modules/.bin', name);
  let ferry: Ferry;
  let dev: Dev;

  const npm = (...args: string[]): string => execFileSync('npm', args, { cwd: project, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const run = (name: string, ...args: string[]): string => execFileSync(bin(name), args, { cwd: project, env: ferry.env, encoding: 'utf8' });

  beforeAll(async () => {
    cpSync(join(unpacked, 'examples/custom-pipeline'), project, { recursive: true });
    const from = Date.now();
    npm('install', tarball, '--prefer-offline', '--no-audit', '--no-fund');
    say(`npm install: ${secondsSince(from)} s`);
    const home = join(folder, 'home');
    mkdirSync(home);
    ferry = await Ferry.at(home, { command: [bin('ferry')], cwd: project });
  }, 240_000);
  afterAll(async () => await ferry?.close());

  it('has the command, with its help and its version', () => {
    expect(run('ferry', '--version').trim()).toBe((JSON.parse(textOf('package.json')) as { version: string }).version);
    expect(run('ferry', '--help')).toContain('ferry start');
  });

  it('compiles its pipelines, and a wrong wiring is an error on its line', () => {
    const from = Date.now();
    npm('run', 'build');
    say(`npm run build (tsc): ${secondsSince(from)} s`);
    const source = join(project, 'src/pipelines.ts');
    const right = readFileSync(source, 'utf8');
    const wrong = right.replace('consumes: { model }, deadline', "consumes: { model: artifact('model', { dtype: 'bf16' }) }, deadline");
    expect(wrong).not.toBe(right);
    writeFileSync(source, wrong);
    try {
      const line = right.split('\n').findIndex((text) => text.includes('stages.approve({ model })')) + 1;
      expect(() => npm('run', 'build')).toThrow(expect.objectContaining({ stdout: expect.stringMatching(new RegExp(String.raw`src/pipelines\.ts\(${line},\d+\): error [\s\S]*"fp32"[\s\S]*"bf16"`)) }));
    } finally {
      writeFileSync(source, right);
    }
    npm('run', 'build');
  });

  it('plans its spec without a server', async () => {
    const { code, json } = await ferry.call<{ stages: { name: string }[]; problems: unknown[] }>('plan', 'run.yaml');
    expect(code).toBe(0);
    expect(json).toMatchObject({ stages: [{ name: 'tune' }, { name: 'approve' }, { name: 'publish' }], problems: [] });
  });

  it('passes its own test: weeks of its pipeline by skipped time, and recorded runs replayed', async () => {
    const { path } = await findServer({ program: TEST_SERVER, toolsDir: TEST_TOOLS_DIR, env: process.env });
    const from = Date.now();
    // Not this process's environment: vitest in vitest would take its settings from it.
    const out = execFileSync('npm', ['test'], { cwd: project, env: { PATH: process.env['PATH'], HOME: folder, FERRY_HOME: join(folder, 'home'), FERRY_TEST_SERVER: path, FERRY_USER: 'tester', NO_COLOR: '1' }, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    say(`npm test: ${secondsSince(from)} s`);
    expect(out).toMatch(/Tests\s+3 passed/);
    expect(readdirSync(join(project, 'test/histories')).length).toBeGreaterThanOrEqual(2);
  });

  it('runs, is approved, and publishes what can be verified', async () => {
    const from = Date.now();
    dev = await ferry.dev();
    say(`ferry dev, ready with pipelines of its own: ${secondsSince(from)} s`);
    expect(await ferry.call('start', 'run.yaml', '--id', 'packed', '--wait')).toMatchObject({ code: 3, json: { state: 'waiting', waitingOn: [{ gate: 'approve' }] } });
    expect(await ferry.call('approve', 'packed', '--as', 'demo-manager', '--reason', 'it counts words')).toMatchObject({ code: 0, json: { accepted: true } });
    const view = await ferry.until('packed', ({ endedAt }) => endedAt !== null);
    expect(view).toMatchObject({ state: 'completed', release: { ref: expect.stringContaining('word-counts') } });
    expect(view.jobs).toMatchObject([{ stage: 'tune', starts: 1, exitCode: 0 }]);
    expect(await ferry.call('release', 'verify', 'word-counts:1')).toMatchObject({ code: 0, json: { ok: true } });
  });

  it('starts a run, follows it and decides on it by a script of its own, through modelferry/client alone', () => {
    writeFileSync(join(project, 'release.mjs'), RELEASE_SCRIPT);
    const out = execFileSync(process.execPath, ['release.mjs'], { cwd: project, env: ferry.env, encoding: 'utf8' });
    expect(JSON.parse(out)).toMatchObject({ started: { run: 'by-script' }, gate: 'approve', answer: { accepted: true }, state: 'completed', listed: ['by-script', 'packed'], refused: 'spec_invalid' });
  });

  it('has more workers, with its pipelines and without any, that leave when they are told to', async () => {
    const site = join(folder, 'ferry.site.yaml');
    writeFileSync(site, 'schema: modelferry.site/1\nname: more\nexecutors: { local: { kind: local } }\napprovers: [{ name: demo-manager, roles: [release-manager] }]\n');
    for (const [cwd, args, pipelines] of [[project, ['--pipelines', 'dist/pipelines.js'], ['tuneAndRelease']], [folder, [], []]] as const) {
      const from = Date.now();
      const worker = spawn(bin('ferry'), ['worker', ...args, '--site', site, '--json'], { cwd, env: ferry.env, stdio: ['ignore', 'pipe', 'ignore'] });
      const ended = once(worker, 'exit');
      const [line] = (await Promise.race([once(createInterface({ input: worker.stdout }), 'line'), ended.then(() => ['{}'])])) as [string];
      say(`ferry worker, ready with ${pipelines.length === 0 ? 'no pipelines' : 'pipelines'} of its own: ${secondsSince(from)} s`);
      expect(JSON.parse(line)).toMatchObject({ ready: true, pipelines });
      worker.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
    }
  });

  it('leaves nothing running after Ctrl-C', async () => {
    const { server, workers } = dev.info.pids;
    expect(await dev.interrupt()).toMatchObject({ code: 130 });
    expect([server, ...workers].filter((pid) => pid !== null && pidExists(pid))).toEqual([]);
    const running = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).split('\n');
    expect(running.filter((line) => line.includes(folder))).toEqual([]);
  });
});
