import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pidExists } from '../../src/client/home.js';
import type { DecisionAnswer } from '../../src/domain/gate.js';
import type { RunStatusView, StageView } from '../../src/domain/status.js';
import { ROOT } from '../support/sources.js';
import { Ferry, type Answer, type Dev } from './ferry.js';

const HELLO = join(ROOT, 'examples/hello');
const SPEC = join(HELLO, 'release.yaml');
/** What the contract gives `ferry status` without a worker, and what it takes with one on a machine that does nothing else. */
const WITHOUT_WORKER_MS = 3000;
const WITH_WORKER_MS = 700;

interface Started {
  run: string;
  runUid: string;
  specDigest: string;
  ui: string;
}
interface Refused {
  error: { code: string; message: string; hint: string };
}

let root: string;
let ferry: Ferry;
let dev: Dev;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'ferry-hello-'));
  const home = join(root, 'home');
  await mkdir(home);
  ferry = await Ferry.at(home);
  dev = await ferry.dev();
}, 180_000);
afterAll(async () => {
  await ferry?.close();
  await rm(root, { recursive: true, force: true });
});

/** A copy of the example with its spec changed. */
async function variant(name: string, change: (spec: string) => string): Promise<string> {
  const dir = join(root, name);
  await cp(HELLO, dir, { recursive: true });
  const file = join(dir, 'release.yaml');
  const before = await readFile(file, 'utf8');
  const after = change(before);
  expect(after).not.toBe(before);
  await writeFile(file, after);
  return file;
}

const stage = (view: RunStatusView, name: string): StageView => {
  const found = view.stages.find((s) => s.name === name);
  if (found === undefined) throw new Error(`no stage ${name}`);
  return found;
};
const states = (view: RunStatusView): Record<string, string> => Object.fromEntries(view.stages.map((s) => [s.name, s.state]));

describe('examples/hello by the command line alone', () => {
  let first: Started;

  it('comes to its approval in half a minute, every job started once, and says who is waited for', async () => {
    expect(dev.info).toMatchObject({ address: expect.stringMatching(/^127\.0\.0\.1:\d+$/), namespace: 'default', home: ferry.home, pids: { server: expect.any(Number), workers: [expect.any(Number)] } });
    const { code, json, ms } = await ferry.call<Started & { state: string }>('start', SPEC, '--id', 'hello', '--wait');
    expect(code).toBe(3);
    expect(json).toMatchObject({ run: 'hello', runUid: expect.any(String), specDigest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/), ui: `${dev.info.ui}/namespaces/default/workflows/hello`, state: 'waiting' });
    expect(ms).toBeLessThan(30_000);
    first = json;

    const view = await ferry.status('hello');
    expect(view).toMatchObject({ schema: 'modelferry.status/1', run: 'hello', runUid: json.runUid, model: 'hello', version: '1', round: 1, state: 'waiting', source: 'query', failure: null, release: null, endedAt: null });
    expect(view.waitingOn).toMatchObject([
      { kind: 'approval', gate: 'approve', roles: ['release-manager'], since: expect.any(String), deadline: expect.any(String), choices: ['approve', 'reject'], commands: { ferry: 'ferry approve hello --gate approve --as demo-manager --reason REASON' } },
    ]);
    expect(view.jobs.map((job) => [job.stage, job.attempt, job.backend, job.simulated, job.exitCode, job.starts])).toEqual([
      ['prepareData', 1, 'cpu', false, 0, 1],
      ['label', 1, 'cpu', false, 0, 1],
      ['train', 1, 'ascend', true, 1, 1],
      ['train', 2, 'ascend', true, 1, 1],
      ['train', 3, 'nvidia', true, 0, 1],
      ['assessQuality', 1, 'cpu', false, 0, 1],
      ['convert', 1, 'cpu', false, 0, 1],
      ['validateOnAscend', 1, 'ascend', true, 0, 1],
    ]);
    expect(stage(view, 'train')).toMatchObject({ state: 'done', attempts: 3, reason: 'fell back from ascend to nvidia', figures: { step: 30 }, outputs: { checkpoint: { kind: 'checkpoint', digest: expect.stringMatching(/^sha256:/), bytes: expect.any(Number) } } });
    const log = await ferry.call<{ lines: string[] }>('logs', 'hello', '--stage', 'train', '--attempt', '3');
    expect(JSON.stringify(log.json)).toContain('resumed from step 5');
  });

  it('is the same run when it is started again, and another spec under its id is refused', async () => {
    const again = await ferry.call<Started>('start', SPEC, '--id', 'hello');
    expect(again).toMatchObject({ code: 0, json: { run: 'hello', runUid: first.runUid, specDigest: first.specDigest, ui: first.ui } });
    const other = await variant('other', (spec) => spec.replace('points: 64', 'points: 65'));
    expect(await ferry.call<Refused>('start', other, '--id', 'hello')).toMatchObject({ code: 2, json: { error: { code: 'run_exists', hint: expect.stringContaining('ferry status hello') } } });
    const wrong = await variant('wrong', (spec) => spec.replace('assessQuality:', 'asessQuality:'));
    expect(await ferry.call<Refused>('start', wrong)).toMatchObject({ code: 2, json: { error: { code: 'spec_invalid', problems: [{ path: 'stages.asessQuality', suggestion: expect.stringContaining('assessQuality') }] } } });
    expect((await ferry.call<unknown[]>('list')).json).toHaveLength(1);
  });

  it('is told within three seconds while no worker answers', async () => {
    const [worker = 0] = dev.info.pids.workers;
    const askThrice = async (): Promise<Answer<RunStatusView>[]> => [await ferry.call('status', 'hello'), await ferry.call('status', 'hello'), await ferry.call('status', 'hello')];
    const best = (answers: Answer<unknown>[]): number => Math.min(...answers.map(({ ms }) => ms));
    // The promise is about a worker that is away; what a busy machine adds to any command is taken off.
    const busyMs = Math.max(0, best(await askThrice()) - WITH_WORKER_MS);
    process.kill(worker, 'SIGSTOP');
    try {
      const answers = await askThrice();
      for (const { code, json } of answers) {
        expect(code).toBe(0);
        expect(json).toMatchObject({ source: 'visibility', run: 'hello', runUid: first.runUid, model: 'hello', state: 'waiting', waitingOn: [{ kind: 'approval', gate: 'approve', roles: ['release-manager'], commands: { ferry: expect.stringContaining('ferry approve hello') } }] });
        expect(states(json)).toMatchObject({ validateOnAscend: 'done', approve: 'waiting', publish: 'pending' });
      }
      expect(best(answers) - busyMs).toBeLessThan(WITHOUT_WORKER_MS);
    } finally {
      process.kill(worker, 'SIGCONT');
    }
  });

  it('is released once its manager has approved, and by nobody else', async () => {
    const approve = (as: string): Promise<{ code: number | null; json: DecisionAnswer }> => ferry.call<DecisionAnswer>('approve', 'hello', '--as', as, '--reason', 'looks right', '--yes');
    expect(await approve('alice')).toMatchObject({ code: 1, json: { accepted: false, code: 'excluded' } });
    expect(await approve('mallory')).toMatchObject({ code: 1, json: { accepted: false, code: 'unknown_approver' } });
    expect(await approve('demo-manager')).toMatchObject({ code: 0, json: { accepted: true, code: 'accepted', reason: expect.any(String), quorum: { 'release-manager': { have: 1, need: 1 } } } });

    const ended = await ferry.call<Started & { state: string }>('start', SPEC, '--id', 'hello', '--wait');
    expect(ended).toMatchObject({ code: 0, json: { runUid: first.runUid, state: 'completed', release: { ref: expect.stringMatching(/^oci:.*\/releases\/hello:1@sha256:/) } } });
    const view = await ferry.status('hello');
    expect(Object.values(states(view))).toEqual(Array.from({ length: 10 }, () => 'done'));
    expect(view).toMatchObject({ state: 'completed', source: 'query', waitingOn: [], endedAt: expect.any(String), release: { digest: expect.stringMatching(/^sha256:/) } });
    expect(view.jobs.every((job) => job.starts === 1)).toBe(true);
  });

  it('has its release in a layout, which is whole and says who approved it', async () => {
    const { release } = await ferry.status('hello');
    const listed = await ferry.call<object[]>('release', 'list');
    expect(listed).toMatchObject({ code: 0, json: [{ model: 'hello', version: '1', run: 'hello', ...release }] });
    const shown = await ferry.call<{ evidence: { name: string }[] }>('release', 'show', '--run', 'hello');
    expect(shown).toMatchObject({ code: 0, json: { ...release, runUid: first.runUid, records: [{ approval: { identity: 'asserted', decisions: [{ approver: 'demo-manager', reason: 'looks right' }] } }] } });
    expect(shown.json.evidence.map(({ name }) => name).sort()).toEqual(['quality', 'validation']);
    expect(await ferry.call('release', 'verify', 'hello:1')).toMatchObject({ code: 0, json: { ...release, ok: true, problems: [], signed: false } });
  });

  it('is not released a second time under its version', async () => {
    const spec = await variant('same-version', (text) => text.replace('points: 64', 'points: 65'));
    await ferry.call('start', spec, '--id', 'again', '--wait');
    expect(await ferry.call('approve', 'again', '--as', 'demo-manager', '--reason', 'looks right too', '--yes')).toMatchObject({ code: 0 });
    const view = await ferry.until('again', (v) => v.waitingOn.some(({ gate }) => gate === 'repair.publish'));
    expect(view).toMatchObject({ release: null, failure: { kind: 'release_exists', message: expect.stringContaining('another version') } });
    expect(await ferry.call('retry', 'again', '--stop', '--yes')).toMatchObject({ code: 0 });
  });

  it('is one page, with one line in place of each kind of evidence that its stages do not leave', async () => {
    const file = join(root, 'hello.html');
    const { code, json } = await ferry.call<{ sections: string[] }>('report', 'hello', '--out', file);
    expect({ code, json }).toEqual({ code: 0, json: { run: 'hello', file, bytes: expect.any(Number) as unknown, sections: ['pipeline', 'stages', 'decisions', 'notes', 'jobs', 'release', 'digests'], problems: [] } });
    const page = await readFile(file, 'utf8');
    for (const text of ['Simulated:', 'ascend → nvidia', 'its checkpoint holds no trainer_state.json', 'ferry release verify --run hello']) expect(page).toContain(text);
    await ferry.call('report', 'hello', '--out', `${file}.again`);
    expect((await readFile(`${file}.again`, 'utf8')) === page).toBe(true);
  });

  it('is resumed from convert with another dtype, and says of each stage why it was taken over or done anew', async () => {
    const earlier = await ferry.status('hello');
    const resumed = await ferry.call<Started & { resumedFrom: object }>('resume', 'hello', '--from', 'convert', '--set', 'dtype=fp32');
    expect(resumed).toMatchObject({ code: 0, json: { run: 'hello-r1', resumedFrom: { run: 'hello', runUid: first.runUid, from: 'convert' } } });
    const view = await ferry.until('hello-r1', (v) => v.waitingOn.length > 0);
    for (const name of ['prepareData', 'label', 'train', 'assessQuality']) {
      expect(stage(view, name)).toMatchObject({ state: 'done', attempts: 0, reason: 'reused from hello: same command, parameters, inputs and code' });
      expect(stage(view, name).outputs).toEqual(stage(earlier, name).outputs);
    }
    expect(view.jobs.map((job) => job.stage)).toEqual(['convert', 'validateOnAscend']);
    expect(stage(view, 'convert').outputs['model']?.digest).not.toBe(stage(earlier, 'convert').outputs['model']?.digest);
    expect(view.waitingOn).toMatchObject([{ kind: 'approval', quorum: { 'release-manager': { have: 0, need: 1 } } }]);

    const reject = await ferry.call<DecisionAnswer>('reject', 'hello-r1', '--as', 'demo-manager', '--reason', 'one release is enough', '--yes');
    expect(reject).toMatchObject({ code: 0, json: { accepted: true } });
    expect((await ferry.until('hello-r1', (v) => v.endedAt !== null)).state).toBe('rejected');
  });

  it('begins at convert with a checkpoint that was taken in from outside', async () => {
    const checkpoint = join(root, 'my-checkpoint');
    await mkdir(checkpoint);
    await writeFile(join(checkpoint, 'weights.json'), '{"slope":3,"offset":-1}\n');
    const added = await ferry.call<{ kind: string; digest: string }>('artifact', 'add', checkpoint, '--kind', 'checkpoint');
    expect(added).toMatchObject({ code: 0, json: { kind: 'checkpoint', digest: expect.stringMatching(/^sha256:/) } });
    const spec = await variant('outside', (text) => `${text.replace(/ {2}approve: \{\}[^]*$/, '')}inputs:\n  checkpoint: { artifact: '${added.json.digest}' }\n`);
    expect(await ferry.call('start', spec, '--id', 'outside', '--wait')).toMatchObject({ code: 0, json: { state: 'completed' } });
    const view = await ferry.status('outside');
    expect(states(view)).toMatchObject({ preflight: 'done', prepareData: 'skipped', train: 'skipped', convert: 'done', validateOnAscend: 'done', approve: 'skipped' });
    expect(stage(view, 'train').reason).toBe('the run begins after train: its input checkpoint is given');
  });

  it('goes on from its checkpoint after ferry dev was interrupted in mid-training', async () => {
    // One step in 0.3 s, and no attempt that is told to fail: there is time to interrupt it.
    const slow = await variant('slow', (spec) => spec.replace("version: '1'", 'version: slow').replace(', failAtStep: 8', '').replaceAll('stepMs: 100', 'stepMs: 300'));
    await ferry.call('start', slow, '--id', 'slow');
    // The jobs before it count steps too.
    const before = await ferry.until('slow', (v) => v.jobs.at(-1)?.stage === 'train' && (v.jobs.at(-1)?.progress?.step ?? 0) > 5);
    const { pids } = dev.info;
    expect(before.jobs.at(-1)).toMatchObject({ stage: 'train', attempt: 1, state: 'running', observation: 'ok', starts: 1, pid: expect.any(Number), logPath: expect.any(String) });

    const { code, stderr } = await dev.interrupt();
    expect(code).toBe(130);
    expect(stderr).toMatch(/saved and left: .*train\.r1\.a1/);
    // An ended process keeps its number until its parent, by then the system's first process, has taken note.
    for (const pid of [pids.server ?? 0, ...pids.workers, before.jobs.at(-1)?.pid ?? 0]) await expect.poll(() => pidExists(pid), { timeout: 5000, message: `${pid} of ${JSON.stringify(pids)} is alive` }).toBe(false);
    expect(await ferry.call<Refused>('status', 'slow')).toMatchObject({ code: 4, json: { error: { code: 'unreachable', hint: expect.stringContaining('ferry dev') } } });

    dev = await ferry.dev();
    const view = await ferry.until('slow', (v) => v.waitingOn.length > 0);
    const training = view.jobs.filter((job) => job.stage === 'train');
    expect(training.map((job) => [job.attempt, job.backend, job.exitCode, job.starts])).toEqual([
      [1, 'ascend', 75, 1],
      [2, 'ascend', 0, 1],
    ]);
    const log = await ferry.call<object>('logs', 'slow', '--stage', 'train', '--attempt', '2');
    const step = Number(/resumed from step (\d+)/.exec(JSON.stringify(log.json))?.[1]);
    expect(step).toBeGreaterThanOrEqual(before.jobs.at(-1)?.progress?.step ?? Infinity);

    expect(await ferry.call('approve', 'slow', '--as', 'demo-manager', '--reason', 'it went on', '--yes')).toMatchObject({ code: 0 });
    expect((await ferry.until('slow', (v) => v.endedAt !== null)).state).toBe('completed');
    expect((await dev.interrupt()).code).toBe(130);
  });
});
