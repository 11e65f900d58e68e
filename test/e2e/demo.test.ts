import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { AuditReport } from '../../src/domain/reports/audit-report.js';
import { DatasetCard } from '../../src/domain/reports/dataset-card.js';
import { ParityReport } from '../../src/domain/reports/parity-report.js';
import { QualityReport } from '../../src/domain/reports/quality-report.js';
import type { RunStatusView, StageView } from '../../src/domain/status.js';
import { LocalStore } from '../../src/engines/artifacts/local-store.js';
import { runningUnder } from '../support/running-under.js';
import { ROOT } from '../support/sources.js';
import { Ferry, type Dev } from './ferry.js';

const EXAMPLE = join(ROOT, 'examples/tiny-llama');
/** Of `scripts/setup-transformers.sh`, which takes minutes and gigabytes: the one test that needs it is skipped, and named, without. */
const PYTHON = [join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'modelferry/transformers')].filter((venv) => existsSync(join(venv, 'complete'))).map((venv) => join(venv, 'bin/python'))[0];
const FAULTS = join(ROOT, 'test/e2e/faults');
const APPROVING = ['--approve-as', 'demo-manager'];

interface DemoAnswer {
  run: string;
  state: string;
  release: { ref: string; digest: string } | null;
  gateAfterMs: number | null;
  stages: { stage: string; state: string; tookMs: number; attempts: number; outputs: Record<string, string>; figures: Record<string, number | string> }[];
  failure: { kind: string; message: string } | null;
  waitingOn: { gate: string }[];
}

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'ferry-demo-'));
});
afterAll(async () => {
  for (const ferry of ferries) await ferry.close();
  await rm(root, { recursive: true, force: true });
});

const ferries: Ferry[] = [];
async function ferryAt(name: string): Promise<Ferry> {
  const home = join(root, name);
  await mkdir(home, { recursive: true });
  const ferry = await Ferry.at(home);
  ferries.push(ferry);
  return ferry;
}

const stage = (view: RunStatusView, name: string): StageView => view.stages.find((s) => s.name === name) ?? expect.fail(`no stage ${name}`);
const digests = (view: RunStatusView): Record<string, string> => Object.fromEntries(view.stages.flatMap(({ outputs }) => Object.entries(outputs).map(([name, { digest }]) => [name, digest])));

/** A file of an artifact of the home's store. */
async function evidence(ferry: Ferry, digest: string, file: string): Promise<unknown> {
  return JSON.parse(await readFile(join(await new LocalStore(join(ferry.home, 'store')).open(digest), file), 'utf8'));
}

interface Spec {
  model: string;
  version: string;
  code: { path: string };
  inputs?: Record<string, { artifact: string }>;
  stages: Record<string, { job?: JobLike; attempts?: JobLike[]; servers?: Record<string, JobLike> }>;
}
interface JobLike {
  command: string[];
  params?: Record<string, unknown>;
  failures?: number;
  backoff?: string;
}

/** A copy of the example's programs beside its spec with changes. */
async function variant(name: string, change: (spec: Spec) => void): Promise<string> {
  const spec = parse(await readFile(join(EXAMPLE, 'release.yaml'), 'utf8')) as Spec;
  change(spec);
  const dir = join(root, `spec-${name}`);
  await cp(join(EXAMPLE, 'jobs'), join(dir, 'jobs'), { recursive: true });
  await writeFile(join(dir, 'release.yaml'), stringify(spec));
  return join(dir, 'release.yaml');
}

/** A model that is trained in seconds: for what does not depend on how well it learns. */
function tiny(spec: Spec): void {
  const attempt = spec.stages['train']?.attempts?.[0];
  if (attempt === undefined) throw new Error('the example does not train');
  attempt.params = { steps: 60, checkpointEvery: 10, evalEvery: 30, dim: 32, ffn: 64, layers: 2, evalTokens: 2048, seed: 7 };
  const assess = spec.stages['assessQuality']?.job;
  if (assess !== undefined) assess.params = { bar: { maxHeldOutLoss: 6, minNextByteAccuracy: 0, minClozeAccuracy: 0 }, maxTokens: 4096 };
}

/** What of a run must be the same when it is made again. */
const MADE = ['dataset', 'checkpoint', 'quality', 'model', 'audit', 'validation'] as const;
const made = (of: Record<string, string>): Record<string, string | undefined> => Object.fromEntries(MADE.map((name) => [name, of[name]]));

let whole: { ferry: Ferry; view: RunStatusView };

describe('the demo', () => {
  it('takes real text to an approved release from one command, and leaves nothing running', async () => {
    const ferry = await ferryAt('whole');
    const { code, json, stderr } = await ferry.call<DemoAnswer>('demo', ...APPROVING);
    expect({ code, failure: json.failure }, stderr).toEqual({ code: 0, failure: null });
    expect(json).toMatchObject({ run: 'demo-1', state: 'completed', release: { ref: expect.stringContaining('tiny-llama:1@sha256:'), digest: expect.stringMatching(/^sha256:/) } });
    expect(json.stages.map(({ stage: name, state, attempts }) => [name, state, attempts])).toEqual([
      ['preflight', 'done', 0],
      ['prepareData', 'done', 1],
      ['train', 'done', 1],
      ['assessQuality', 'done', 1],
      ['convert', 'done', 1],
      ['validateOnAscend', 'done', 1],
      ['approve', 'done', 0],
      ['publish', 'done', 0],
    ]);
    process.stderr.write(`the gate was reached ${((json.gateAfterMs ?? 0) / 1000).toFixed(1)} s after the worker was ready\n`);
    expect(runningUnder(ferry.home)).toEqual([]);
    expect(await readdir(ferry.home)).not.toContain('dev.json');

    const dev = await ferry.dev();
    const view = await ferry.status('demo-1');
    expect(view.jobs.map((job) => [job.stage, job.server, job.backend, job.simulated, job.starts])).toEqual([
      ['prepareData', null, 'cpu', false, 1],
      ['train', null, 'nvidia', true, 1],
      ['assessQuality', null, 'cpu', false, 1],
      ['convert', null, 'cpu', false, 1],
      ['validateOnAscend', null, 'cpu', false, 1],
      ['validateOnAscend', 'reference', 'nvidia', true, 1],
      ['validateOnAscend', 'candidate', 'ascend', true, 1],
    ]);
    expect((await ferry.call<{ ok: boolean }>('release', 'verify', '--run', 'demo-1'))).toMatchObject({ code: 0, json: { ok: true } });
    await dev.interrupt();
    whole = { ferry, view };
  }, 400_000);

  it('has evidence that holds together: text kept, a loss that fell, every tensor converted, tokens that agree', async () => {
    const of = digests(whole.view);
    const card = DatasetCard.parse(await evidence(whole.ferry, of['dataset'] ?? '', 'manifest.json'));
    expect(card.kept.documents).toBeGreaterThan(100);
    expect(card.read.documents).toBe(card.kept.documents + card.dropped.reduce((sum, { documents }) => sum + documents, 0));
    expect(Object.keys(card.splits).sort()).toEqual(['heldout', 'train']);

    const { firstHeldOutLoss, heldOutLoss } = stage(whole.view, 'train').figures as Record<string, number>;
    expect(firstHeldOutLoss).toBeGreaterThan(5);
    expect(heldOutLoss).toBeLessThan(2.8);

    const quality = QualityReport.parse(await evidence(whole.ferry, of['quality'] ?? '', 'quality.json'));
    expect(quality.verdict.value).toBe('pass');

    const audit = AuditReport.parse(await evidence(whole.ferry, of['audit'] ?? '', 'audit.json'));
    expect(audit).toMatchObject({ verdict: { value: 'pass' }, missing: [], unexpected: [], duplicated: [], dtypes: [{ from: 'F32', to: 'BF16', tensors: audit.source.tensors }] });
    expect(audit.target).toMatchObject({ tensors: audit.source.tensors, files: 2 });
    expect(audit.maxRelativeError).toBeGreaterThan(0);
    expect(audit.maxRelativeError).toBeLessThanOrEqual(audit.bound);

    const parity = ParityReport.parse(await evidence(whole.ferry, of['validation'] ?? '', 'report.json'));
    expect(parity).toMatchObject({ verdict: { value: 'pass' }, reference: { backend: 'nvidia (simulated)' }, candidate: { backend: 'ascend (simulated)' }, noiseFloor: { agreement: 1 } });
    expect(parity.pair.logprobError.mean).toBeGreaterThan(0);
  });

  it.skipIf(PYTHON === undefined)('has released a checkpoint that transformers loads, with the same greedy tokens and logits within 1e-2', async () => {
    const model = join(root, 'model');
    const pulled = await whole.ferry.call('artifact', 'pull', digests(whole.view)['model'] ?? '', model);
    expect(pulled.code, pulled.stderr).toBe(0);
    const server = spawn(process.execPath, [join(EXAMPLE, 'jobs/serve.mjs'), '--model', model, '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const url = await new Promise<string>((found) => createInterface({ input: server.stdout }).on('line', (line) => /http:\/\/\S+/.exec(line)?.[0] !== undefined && found(/http:\/\/[\d.:]+/.exec(line)?.[0] ?? '')));
      const check = spawn(PYTHON ?? '', [join(ROOT, 'scripts/check-transformers.py'), model, url], { stdio: ['ignore', 'pipe', 'pipe'] });
      const said: Buffer[] = [];
      for (const stream of [check.stdout, check.stderr]) stream.on('data', (chunk: Buffer) => said.push(chunk));
      const [code] = (await once(check, 'exit')) as [number];
      const table = Buffer.concat(said).toString();
      expect(code, table).toBe(0);
      expect(table).toMatch(/32\/32/);
      process.stderr.write(`${table}\n`);
    } finally {
      server.kill();
    }
  }, 200_000);

  it('makes the same again, bit for bit, when its worker is killed in mid-training; the trainer is the same process', async () => {
    const ferry = await ferryAt('killed');
    const demo = ferry.start('demo', ...APPROVING, '--json');
    const training = await ferry.until('demo-1', (view) => (view.jobs.find((job) => job.stage === 'train')?.progress?.step ?? 0) >= 60);
    const before = training.jobs.find((job) => job.stage === 'train');
    const { pids } = JSON.parse(await readFile(join(ferry.home, 'dev.json'), 'utf8')) as Dev['info'];
    for (const pid of pids.workers) process.kill(pid, 'SIGKILL');
    const { code, stdout } = await demo.ended;
    expect(code, stdout).toBe(0);
    const dev = await ferry.dev();
    const view = await ferry.status('demo-1');
    await dev.interrupt();
    const trained = view.jobs.filter((job) => job.stage === 'train');
    expect(trained).toMatchObject([{ attempt: 1, pid: before?.pid, handle: before?.handle, starts: 1, exitCode: 0 }]);
    expect(await startRecords(before?.logPath ?? '')).toBe(1);
    expect(made(digests(view))).toEqual(made(digests(whole.view)));
  }, 400_000);

  it('goes on after Ctrl-C where it was, and makes the same as without', async () => {
    const ferry = await ferryAt('interrupted');
    const spec = await variant('interrupted', (s) => {
      tiny(s);
      Object.assign(s.stages['train']?.attempts?.[0]?.params ?? {}, { steps: 400 });
    });
    const demo = ferry.start('demo', spec, ...APPROVING);
    await ferry.until('demo-1', ({ jobs }) => (jobs.find((job) => job.stage === 'train')?.progress?.step ?? 0) >= 25);
    // Otherwise nothing found below would prove nothing.
    expect(runningUnder(ferry.home).length).toBeGreaterThan(3);
    const { code, stderr } = await demo.interrupt();
    expect(code, stderr).toBe(130);
    expect(stderr).toContain('Nothing is left running. Go on with: ferry demo');
    expect(runningUnder(ferry.home)).toEqual([]);
    const again = await ferry.call<DemoAnswer>('demo', spec, ...APPROVING);
    expect(again, again.stderr).toMatchObject({ code: 0, json: { run: 'demo-1', state: 'completed' } });
    expect(again.stderr).toContain('Going on with the run demo-1');
    const train = again.json.stages.find((s) => s.stage === 'train');
    expect(train?.attempts).toBe(2);

    const undisturbed = await ferry.call<DemoAnswer>('demo', spec, ...APPROVING);
    expect(undisturbed.json).toMatchObject({ run: 'demo-2', state: 'completed', release: { ref: expect.stringContaining('tiny-llama:1.2@') } });
    expect(undisturbed.json.stages.find((s) => s.stage === 'train')).toMatchObject({ attempts: 1, outputs: train?.outputs });
  }, 400_000);
});

/** Of the job's own wrapper, beside its log. */
const startRecords = async (logPath: string): Promise<number> => (await readFile(join(logPath, '../starts.jsonl'), 'utf8')).trim().split('\n').length;

/** Fails the first attempt of a job as `how` says, and runs the job's own command from the second on. */
const faulty = (job: JobLike | undefined, how: string): void => {
  if (job === undefined) throw new Error('no such job');
  job.command = ['sh', '-c', `[ "$FERRY_ATTEMPT" -gt 1 ] || { ${how}; }; exec "$@"`, 'faulty', ...job.command];
};
const atOnce = (job: JobLike | undefined): void => void Object.assign(job ?? {}, { backoff: '100 ms' });

describe('a fault in each stage', () => {
  let ferry: Ferry;
  let dev: Dev;
  beforeAll(async () => {
    ferry = await ferryAt('faults');
    dev = await ferry.dev();
  }, 180_000);
  afterAll(async () => {
    await dev?.interrupt();
  });

  it('is got over: the run comes to its release, and no job was started twice', async () => {
    const spec = await variant('faults', (s) => {
      tiny(s);
      faulty(s.stages['prepareData']?.job, 'echo the disk went away >&2; exit 5');
      // Killed once a checkpoint is there: the next attempt goes on from it.
      const train = s.stages['train']?.attempts?.[0];
      faulty(train, '"$@" & until grep -q checkpoint "$FERRY_PROGRESS_FILE"; do sleep 0.05; done; sleep 0.3; kill -9 $!; kill -9 $$');
      faulty(s.stages['assessQuality']?.job, 'exit 75');
      faulty(s.stages['convert']?.job, 'exit 0');
      faulty(s.stages['validateOnAscend']?.servers?.['candidate'], 'echo no such layer >&2; exit 4');
      for (const { job, attempts } of Object.values(s.stages)) [job, ...(attempts ?? [])].forEach(atOnce);
    });
    // Publishing meets a file where the folder of the releases should be, until somebody removes it.
    const releases = join(ferry.home, 'releases');
    await writeFile(releases, 'in the way');
    const waiting = await ferry.call<{ state: string }>('start', spec, '--id', 'faults', '--wait');
    expect(waiting, waiting.stderr).toMatchObject({ code: 3, json: { state: 'waiting' } });
    expect((await ferry.status('faults')).waitingOn).toMatchObject([{ gate: 'approve' }]);
    await ferry.call('approve', 'faults', '--as', 'demo-manager', '--reason', 'good', '--yes');
    await ferry.until('faults', (v) => stage(v, 'publish').state !== 'pending');
    // With the file in the way it is tried again and again, and nothing comes of it.
    await delay(2500);
    const blocked = await ferry.status('faults');
    expect({ release: blocked.release, state: blocked.state, publish: stage(blocked, 'publish').state }).toEqual({ release: null, state: 'running', publish: 'running' });
    await rm(releases);
    const view = await ferry.until('faults', (v) => v.endedAt !== null);
    expect(view).toMatchObject({ state: 'completed', release: { digest: expect.stringMatching(/^sha256:/) } });
    expect(Object.fromEntries(view.stages.filter((s) => s.attempts > 0).map((s) => [s.name, s.attempts]))).toEqual({ prepareData: 2, train: 2, assessQuality: 2, convert: 2, validateOnAscend: 2 });
    expect(view.jobs.every(({ starts, stage: name, server, attempt }) => starts === 1 || (name === 'validateOnAscend' && server === null && attempt === 1 && starts === 0))).toBe(true);
    expect(runningUnder(join(ferry.home, 'jobs'))).toEqual([]);
    const log = await readFile(view.jobs.filter((job) => job.stage === 'train').at(-1)?.logPath ?? '', 'utf8');
    expect(log).toMatch(/resumed from step [1-9]\d*/);
    expect(await ferry.call('release', 'verify', '--run', 'faults')).toMatchObject({ code: 0 });
  }, 400_000);

  it('that damages a checkpoint between two starts is seen: the one before it is taken, and the run says which was wrong', async () => {
    const spec = await variant('damaged', (s) => {
      tiny(s);
      faulty(s.stages['train']?.attempts?.[0], `"$@" & node "${join(FAULTS, 'damage-newest.mjs')}" $!; exit 1`);
      delete s.stages['assessQuality'];
      delete s.stages['convert'];
      delete s.stages['validateOnAscend'];
      delete s.stages['approve'];
      delete s.stages['publish'];
    });
    const { code, stderr } = await ferry.call('start', spec, '--id', 'damaged', '--wait');
    expect(code, stderr).toBe(0);
    const view = await ferry.status('damaged');
    expect(view.notes.map(({ text }) => text).join()).toMatch(/attempt 2 passed over step \d+ of attempt 1: .*safetensors/);
    const log = await readFile(view.jobs.at(-1)?.logPath ?? '', 'utf8');
    expect(log).toMatch(/resumed from step [1-9]\d*/);
  }, 200_000);
});

describe('what must not be released', () => {
  let ferry: Ferry;
  let dev: Dev;
  beforeAll(async () => {
    ({ ferry } = whole);
    dev = await ferry.dev();
  }, 180_000);
  afterAll(async () => {
    await dev?.interrupt();
  });

  /** Begins after training with the checkpoint and data of the whole demo, and damages the model that convert made. */
  async function tampered(name: string, damage: string): Promise<RunStatusView> {
    const of = digests(whole.view);
    const spec = await variant(name, (s) => {
      s.version = name;
      s.inputs = { dataset: { artifact: of['dataset'] ?? '' }, checkpoint: { artifact: of['checkpoint'] ?? '' } };
      const convert = s.stages['convert']?.job;
      if (convert === undefined) throw new Error('no convert');
      convert.command = ['sh', '-ec', `"$@"; ${damage}`, 'tampered', ...convert.command];
    });
    const { code } = await ferry.call('start', spec, '--id', name, '--wait');
    expect(code).toBe(3);
    return await ferry.status(name);
  }

  it.each([
    ['rope-base', `sed -i 's/"rope_theta": *10000\\(\\.0\\)\\{0,1\\}/"rope_theta": 500/' "$FERRY_OUTPUT_DIR/model/config.json"; grep -q '"rope_theta": *500' "$FERRY_OUTPUT_DIR/model/config.json"`],
    ['layer-scale', `node "${join(FAULTS, 'scale-layer.mjs')}" "$FERRY_OUTPUT_DIR/model" model.layers.1. 1.5`],
  ])('a candidate with a seeded fault (%s) is stopped by the comparison', async (name, damage) => {
    const view = await tampered(name, damage);
    expect(view.waitingOn).toMatchObject([{ kind: 'repair', gate: 'repair.validateOnAscend' }]);
    expect(view.failure).toMatchObject({ kind: 'validation_accuracy', message: expect.stringMatching(/^validateOnAscend: (fail|inconclusive): /) });
    expect(view.release).toBeNull();
    expect(runningUnder(join(ferry.home, 'jobs'))).toEqual([]);
    await ferry.call('cancel', name);
  }, 200_000);

  it('a model that misses its bar stops at a gate', async () => {
    const of = digests(whole.view);
    const spec = await variant('bar', (s) => {
      s.version = 'bar';
      s.inputs = { dataset: { artifact: of['dataset'] ?? '' }, checkpoint: { artifact: of['checkpoint'] ?? '' } };
      const assess = s.stages['assessQuality']?.job;
      if (assess !== undefined) assess.params = { bar: { maxHeldOutLoss: 1, minNextByteAccuracy: 0.3, minClozeAccuracy: 0.6 } };
    });
    expect((await ferry.call('start', spec, '--id', 'bar', '--wait')).code).toBe(3);
    const view = await ferry.status('bar');
    expect(view.waitingOn).toMatchObject([{ gate: 'repair.assessQuality', choices: expect.arrayContaining(['retry', 'change', 'stop']) }]);
    expect(view.failure?.message).toMatch(/^assessQuality: fail: .*1/);
    await ferry.call('cancel', 'bar');
  }, 120_000);
});

describe('trouble before the demo begins', () => {
  it('is told in a clear line: a spec that is wrong, and neither Python nor a download', async () => {
    const ferry = await ferryAt('bare');
    const wrong = join(root, 'wrong.yaml');
    await writeFile(wrong, 'schema: modelferry.run/1\nmodel: x\nversion: "1"\nstages: { preflight: {}, trian: {} }\n');
    expect(await ferry.call('demo', wrong)).toMatchObject({ code: 2, json: { error: { code: 'spec_invalid', problems: [{ path: 'stages.trian', suggestion: expect.stringContaining('train') }] } } });

    // No `temporal`, no Python on the PATH, and a proxy that refuses what would be downloaded.
    const env = { FERRY_HOME: join(root, 'nothing'), PATH: '/nonexistent', HOME: root, HTTPS_PROXY: 'http://127.0.0.1:9', https_proxy: 'http://127.0.0.1:9', HTTP_PROXY: 'http://127.0.0.1:9' };
    const child = spawn(process.execPath, [join(ROOT, 'bin/ferry.js'), 'demo'], { cwd: root, env, stdio: ['ignore', 'ignore', 'pipe'] });
    const chunks: Buffer[] = [];
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    const [code] = (await once(child, 'exit')) as [number];
    const said = Buffer.concat(chunks).toString();
    expect(code, said).toBe(4);
    expect(said).toMatch(/python/i);
    expect(said).toMatch(/→ .*(install|temporal)/i);
  }, 120_000);
});
