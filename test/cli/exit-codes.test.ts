import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, type Called } from './call.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-cli-'));
});
afterAll(() => rm(dir, { recursive: true }));

const SPEC = `schema: modelferry.run/1
model: tiny
version: v1
stages:
  train: {attempts: [{command: [node, train.js]}]}
  convert: {job: {command: [node, convert.js]}}
  approve: {}
  publish: {}
`;
const SITE = 'schema: modelferry.site/1\nname: lab\napprovers: [{name: ada, roles: [release-manager]}]\n';

async function put(name: string, text: string): Promise<string> {
  await writeFile(join(dir, name), text);
  return name;
}

/** The one JSON document on stdout; stderr may say more. */
const errorIn = ({ out }: Called): { code: string; message: string; hint: string; problems: { path: string; suggestion?: string }[] } => (JSON.parse(out) as { error: never }).error;

describe('a call that is wrong', () => {
  it.each([
    [['statsu'], 'unknown_command', 'ferry status'],
    [['jobs', 'lsit'], 'unknown_command', 'ferry jobs list'],
    [['status'], 'usage', 'ferry status --help'],
    [['status', 'a', 'b'], 'usage', 'ferry status --help'],
    [['list', '--stat', 'x'], 'usage', 'ferry list --help'],
    [['list', '--state', 'x'], 'usage', 'ferry list --help'],
    [['list', '--limit', '0'], 'usage', 'ferry list --help'],
    [['approve', 'run'], 'usage', 'ferry approve --help'],
    [['approve', 'run', '--reason', ''], 'usage', 'ferry approve --help'],
    [['retry', 'run', '--set', 'a=1', '--stop'], 'usage', 'Choose one'],
    [['retry', 'run', '--set', 'a'], 'usage', '--set learningRate=0.001'],
    [['retry', 'run', '--input', 'model=sha256:12'], 'usage', 'ferry artifact add'],
    [['schema', 'spec'], 'usage', 'ferry schema run'],
    [['completion', 'csh'], 'usage', 'ferry completion bash'],
    [['artifact', 'add', 'x', '--kind', 'No Kind'], 'usage', 'ferry artifact add --help'],
  ])('%j: exit 2, the code %s and the next thing to type', async (args, code, hint) => {
    const called = await call([...args, '--json'], { cwd: dir });
    expect(called.code).toBe(2);
    expect(errorIn(called)).toMatchObject({ code, hint: expect.stringContaining(hint) });
    const text = await call(args, { cwd: dir });
    expect(text).toMatchObject({ code: 2, out: '', err: expect.stringContaining('error: ') });
    expect(text.err).toContain(hint);
  });

  it('may have its common options before the command', async () => {
    const called = await call(['--json', '--address=127.0.0.1:9', 'status', 'x']);
    expect(called.code).toBe(4);
    expect(errorIn(called).message).toContain('127.0.0.1:9');
  });
});

describe('a server that does not answer', () => {
  it.concurrent.each([['status', 'x'], ['list'], ['cancel', 'x'], ['approve', 'x', '--reason', 'r'], ['jobs', 'list'], ['gc'], ['logs', 'x'], ['watch', 'x'], ['resume', 'x', '--from', 'train'], ['retry', 'x']])(
    'is exit 4 for %s',
    async (...args) => {
      const called = await call([...args, '--json', '--address', '127.0.0.1:9']);
      expect(called.code).toBe(4);
      expect(errorIn(called)).toMatchObject({ code: 'unreachable', hint: expect.stringContaining('ferry dev') });
    },
  );

  it('is exit 4 when none is named and no ferry dev runs', async () => {
    expect(await call(['list'])).toMatchObject({ code: 4, err: expect.stringContaining('Start one with: ferry dev') });
  });
});

describe('a spec that is wrong', () => {
  it('is told whole, and nothing is started, before a server is asked', async () => {
    const spec = await put('bad.yaml', SPEC.replace('model:', 'modle:').replace('node, train.js]', 'node], backend: nvidai'));
    for (const args of [['start', spec], ['plan', spec]]) {
      const called = await call([...args, '--json'], { cwd: dir });
      expect(called.code).toBe(2);
      expect(errorIn(called)).toMatchObject({
        code: 'spec_invalid',
        problems: expect.arrayContaining([
          expect.objectContaining({ path: 'model' }),
          expect.objectContaining({ path: 'modle', suggestion: 'did you mean model?' }),
          expect.objectContaining({ path: 'stages.train.attempts[0].backend', suggestion: 'did you mean nvidia?' }),
        ]),
      });
    }
    expect((await call(['start', spec], { cwd: dir })).err).toContain('stages.train.attempts[0].backend: found "nvidai"; expected one of nvidia, ascend, cpu (did you mean nvidia?)');
  });

  it('is exit 2 when it does not exist', async () => {
    expect(errorIn(await call(['plan', 'none.yaml', '--json'], { cwd: dir }))).toMatchObject({ code: 'spec_invalid', problems: [{ found: 'no such file' }] });
  });
});

describe('ferry plan', () => {
  it('tells what runs where, what is skipped and why, and who must approve', async () => {
    const [spec, site] = [await put('spec.yaml', SPEC), await put('site.yaml', SITE)];
    const { code, out } = await call(['plan', spec, '--site', site, '--json'], { cwd: dir });
    expect(code).toBe(0);
    const plan = JSON.parse(out) as { stages: { name: string; skipped: boolean; reason: string | null; attempts: unknown[] }[]; problems: unknown[]; approvals: unknown[]; site: unknown };
    expect(plan.problems).toEqual([]);
    expect(plan.stages.find(({ name }) => name === 'train')).toMatchObject({ skipped: false, attempts: [{ backend: 'cpu', executor: 'local', simulated: false }] });
    expect(plan.stages.find(({ name }) => name === 'label')).toMatchObject({ skipped: true, reason: 'the spec leaves it out' });
    expect(plan.approvals).toMatchObject([{ role: 'release-manager', quorum: 1, members: ['ada'], identity: 'asserted', onExpiry: 'reject' }]);
    expect(plan.site).toMatchObject({ name: 'lab' });
    const text = (await call(['plan', spec, '--site', site], { cwd: dir })).out;
    expect(text).toContain('1 of release-manager (ada), within 7d 00h, then reject; identity asserted, not verified');
    expect(text).toContain('· train');
    expect(text, 'the mark of what runs').not.toContain('▶');
  });

  it('is exit 2 with every problem that the site makes of the spec', async () => {
    const spec = await put('asks.yaml', SPEC.replace('node, train.js]', 'node], executor: locl, env: {TOKEN: {secret: hf}}').replace('approve: {}', 'approve: {roles: [{role: safety, quorum: 2}]}').replace('version: v1', 'version: v1\nauthor: ada'));
    const called = await call(['plan', spec, '--json', '--site', await put('site.yaml', SITE)], { cwd: dir });
    expect(called.code).toBe(2);
    const { problems } = JSON.parse(called.out) as { problems: { path: string; suggestion?: string }[] };
    expect(problems).toMatchObject([
      { path: 'stages.train.attempts[0].executor', suggestion: 'did you mean local?' },
      { path: 'stages.train.attempts[0].env.TOKEN.secret' },
      { path: 'stages.approve', found: expect.stringContaining('release-manager with nobody') },
      { path: 'stages.approve', found: expect.stringContaining('safety with nobody') },
    ]);
  });

  it('without a site file says that it looked at none', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'ferry-nosite-'));
    await writeFile(join(empty, 'spec.yaml'), SPEC);
    expect(await call(['plan', 'spec.yaml'], { cwd: empty })).toMatchObject({ code: 0, err: expect.stringContaining('no site file') });
    await rm(empty, { recursive: true });
  });

  it('with a site file that is named and wrong is exit 2', async () => {
    const spec = await put('spec.yaml', SPEC);
    expect(errorIn(await call(['plan', spec, '--json'], { cwd: dir, env: { FERRY_SITE: await put('bad-site.yaml', 'schema: modelferry.site/1\naprovers: []\n') } }))).toMatchObject({
      code: 'site_invalid',
      hint: expect.stringContaining('ferry schema site'),
      problems: expect.arrayContaining([expect.objectContaining({ path: 'aprovers', suggestion: 'did you mean approvers?' })]),
    });
  });
});

describe('ferry schema', () => {
  it.each(['run', 'site'])('prints the JSON Schema of a %s, on one line with --json', async (kind) => {
    const pretty = await call(['schema', kind]);
    const line = await call(['schema', kind, '--json']);
    expect(pretty.code).toBe(0);
    expect(JSON.parse(pretty.out)).toEqual(JSON.parse(line.out));
    expect(line.out.trimEnd()).not.toContain('\n');
    expect(JSON.parse(line.out)).toMatchObject({ $schema: expect.stringContaining('json-schema.org'), type: 'object' });
  });
});

describe('ferry artifact', () => {
  it('takes in, shows and gives out; a changed byte is found, named and exit 1', async () => {
    const home = await mkdtemp(join(dir, 'home-'));
    const env = { FERRY_HOME: home };
    await mkdir(join(dir, 'corpus'), { recursive: true });
    await writeFile(join(dir, 'corpus', 'a.txt'), 'hello');
    const added = await call(['artifact', 'add', 'corpus', '--kind', 'dataset', '--annotate', 'source=here', '--json'], { cwd: dir, env });
    expect(added.code).toBe(0);
    const ref = JSON.parse(added.out) as { digest: string };
    expect(ref).toMatchObject({ kind: 'dataset', bytes: 5, annotations: { source: 'here' } });
    const show = await call(['artifact', 'show', ref.digest, '--json'], { cwd: dir, env });
    expect(JSON.parse(show.out)).toMatchObject({ ...ref, verified: true, problems: [] });
    expect((await call(['artifact', 'pull', ref.digest, 'out', '--json'], { cwd: dir, env })).code).toBe(0);
    expect(await readFile(join(dir, 'out', 'a.txt'), 'utf8')).toBe('hello');
    expect(await call(['artifact', 'pull', ref.digest, 'out'], { cwd: dir, env })).toMatchObject({ code: 2, err: expect.stringContaining('not empty') });

    const hex = ref.digest.slice(7);
    const stored = join(home, 'store', 'sha256', hex.slice(0, 2), hex, 'data', 'a.txt');
    await chmod(stored, 0o644);
    await writeFile(stored, 'hullo');
    const damaged = await call(['artifact', 'show', ref.digest, '--json'], { cwd: dir, env });
    expect(damaged.code).toBe(1);
    expect(JSON.parse(damaged.out)).toMatchObject({ verified: false, problems: [expect.stringContaining('a.txt')] });
    expect(errorIn(await call(['artifact', 'pull', ref.digest, 'out2', '--json'], { cwd: dir, env }))).toMatchObject({ code: 'artifact_corrupt' });
  });

  it('is exit 2 for a path or a digest that does not exist', async () => {
    expect((await call(['artifact', 'add', 'nothing', '--kind', 'dataset'], { cwd: dir })).code).toBe(2);
    expect(errorIn(await call(['artifact', 'show', `sha256:${'0'.repeat(64)}`, '--json'], { cwd: dir }))).toMatchObject({ code: 'artifact_missing', hint: expect.stringContaining('ferry artifact add') });
    expect((await call(['artifact', 'show', 'sha256:12'], { cwd: dir })).code).toBe(2);
  });

  it('does not follow a link', async () => {
    await symlink('/etc/hosts', join(dir, 'link'));
    expect(errorIn(await call(['artifact', 'add', 'link', '--kind', 'dataset', '--json'], { cwd: dir }))).toMatchObject({ code: 'path_refused' });
  });
});
