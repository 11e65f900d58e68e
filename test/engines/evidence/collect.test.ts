import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LocalStore, artifactDataDir } from '../../../src/engines/artifacts/local-store.js';
import { collectEvidence, type Evidence } from '../../../src/engines/evidence/collect.js';
import { MAX_EVIDENCE_BYTES } from '../../../src/engines/evidence/read-json.js';
import { AUDIT, DATASET, QUALITY, parity, trainer } from '../../cli/render/report/kit.js';

let root: string;
let store: LocalStore;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ferry-evidence-'));
  store = new LocalStore(join(root, 'store'));
});
afterEach(() => rmSync(root, { recursive: true }));

let folders = 0;

/** Takes files into the store; returns the artifact's digest. */
async function artifact(files: Record<string, unknown>): Promise<string> {
  const dir = join(root, `in-${(folders += 1)}`);
  for (const [path, value] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), typeof value === 'string' ? value : JSON.stringify(value));
  }
  return (await store.add(dir, { kind: 'evidence' })).digest;
}

/** What is found in one artifact of a run. */
async function found(name: string, files: Record<string, unknown>): Promise<Evidence> {
  return await collectEvidence(store, { [name]: { digest: await artifact(files) } });
}

describe('the evidence of a run', () => {
  it('is read from the artifacts by their names, with the digest that it came from', async () => {
    const artifacts = {
      dataset: { digest: await artifact({ 'manifest.json': DATASET, 'train.jsonl': '' }) },
      checkpoint: { digest: await artifact({ 'trainer_state.json': trainer(100), 'model.safetensors': 'x' }) },
      quality: { digest: await artifact({ 'quality.json': QUALITY }) },
      audit: { digest: await artifact({ 'audit.json': AUDIT }) },
      validation: { digest: await artifact({ 'report.json': parity(3), 'pairs.jsonl': '' }), caveat: 'of a job that did not pass' },
      model: { digest: await artifact({ 'model.safetensors': 'y' }) },
    };
    const evidence = await collectEvidence(store, artifacts);
    expect(evidence.dataset).toEqual({ state: 'read', value: DATASET, digest: artifacts.dataset.digest, file: 'manifest.json' });
    expect(evidence.training).toMatchObject({ state: 'read', value: trainer(100) });
    expect(evidence.quality).toMatchObject({ state: 'read', value: QUALITY });
    expect(evidence.audit).toMatchObject({ state: 'read', value: AUDIT });
    // JSON has no undefined: what is left out stays out.
    expect(evidence.parity).toMatchObject({ state: 'read', value: JSON.parse(JSON.stringify(parity(3))) as object, caveat: 'of a job that did not pass' });
    expect(evidence.release).toEqual({ state: 'absent', why: 'the run has no artifact release' });
  });

  it('is absent, and no error, where there is no such artifact, file or form', async () => {
    expect(Object.values(await collectEvidence(store, {})).map(({ state }) => state)).toEqual(Array.from({ length: 6 }, () => 'absent'));
    expect((await found('checkpoint', { 'weights.json': {} })).training).toEqual({ state: 'absent', why: 'its checkpoint holds no trainer_state.json' });
    expect((await found('quality', { 'quality.json': { error: 0.1 } })).quality).toEqual({ state: 'absent', why: 'the quality.json of its quality has a form of its own' });
    expect((await found('dataset', { 'manifest.json': [1] })).dataset.state).toBe('absent');
  });

  it('is looked for in any folder of the artifact, the one nearest to its top first', async () => {
    const { training } = await found('checkpoint', { 'old/deep/trainer_state.json': trainer(200), 'checkpoint-100/trainer_state.json': trainer(100) });
    expect(training).toMatchObject({ state: 'read', value: { global_step: 100 } });
  });

  it('is read also where Python wrote numbers that are none, and a text that looks like one stays', async () => {
    const text = '{"global_step": 2, "note": "NaN, \\"Infinity\\"", "log_history": [{"step": 1, "loss": NaN}, {"step": 2, "eval_loss": -Infinity}]}';
    expect((await found('checkpoint', { 'trainer_state.json': text })).training).toMatchObject({ state: 'read', value: { note: 'NaN, "Infinity"', log_history: [{ step: 1, loss: null }, { step: 2, eval_loss: null }] } });
  });

  it('takes the record of a release from before there were layouts', async () => {
    const record = { schema: 'modelferry.release/1', model: 'm', version: '1', run: 'r', runUid: 'u', artifacts: {}, approval: { identity: 'asserted', digests: Object.fromEntries(['model', 'evidence', 'policy'].map((of) => [of, `sha256:${'0'.repeat(64)}`])), decisions: [] } };
    expect((await found('release', { 'release.json': record })).release).toMatchObject({ state: 'read', value: { run: 'r' } });
  });
});

describe('evidence that can’t be used', () => {
  it.each<[string, string, unknown, RegExp]>([
    ['is cut off', 'quality.json', '{"schema":"modelferry.quality/1","ver', /quality\.json is no JSON/],
    ['lacks a field', 'quality.json', { ...QUALITY, verdict: undefined }, /quality\.json is not as it should be: verdict: /],
    ['has a wrong verdict', 'quality.json', { ...QUALITY, verdict: { value: 'fine', reasons: ['x'] } }, /verdict\.value: /],
    ['is huge', 'quality.json', ' '.repeat(MAX_EVIDENCE_BYTES + 1), /4194305 bytes; at most 4194304/],
  ])('because it %s is named with what is wrong', async (_what, file, content, problem) => {
    const { quality } = await found('quality', { [file]: content });
    expect(quality).toMatchObject({ state: 'unreadable', file, digest: expect.stringMatching(/^sha256:/), problem: expect.stringMatching(problem) });
  });

  it('is damaged: the artifact is named, and nothing of it is shown', async () => {
    const digest = await artifact({ 'audit.json': AUDIT, 'other.txt': 'x' });
    const file = join(artifactDataDir(store.root, digest), 'other.txt');
    chmodSync(file, 0o644);
    writeFileSync(file, 'tampered');
    expect((await collectEvidence(store, { audit: { digest } })).audit).toMatchObject({ state: 'unreadable', digest, problem: expect.stringContaining('is damaged: other.txt') });
  });

  it('was changed behind the quick check of the store: its own sha256 tells', async () => {
    const digest = await artifact({ 'audit.json': AUDIT });
    const files = await store.files(digest);
    // A store whose quick check believes it to be whole, as after a change that kept size, time and inode.
    writeFileSync(join(root, 'forged.json'), JSON.stringify({ ...AUDIT, problems: ['forged'] }));
    const believing = Object.assign(Object.create(store) as LocalStore, { files: () => Promise.resolve(files.map((file) => ({ ...file, source: join(root, 'forged.json') }))) });
    expect((await collectEvidence(believing, { audit: { digest } })).audit).toMatchObject({ state: 'unreadable', problem: expect.stringContaining('audit.json is not what was taken in') });
  });

  it('is not in this store', async () => {
    expect((await collectEvidence(store, { audit: { digest: `sha256:${'1'.repeat(64)}` } })).audit).toMatchObject({ state: 'unreadable', problem: expect.stringContaining('is not in the store at') });
  });
});
