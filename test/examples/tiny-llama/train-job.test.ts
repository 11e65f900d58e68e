import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { readSafetensors } from '../../../examples/tiny-llama/src/model/safetensors.js';
import { digests, startJob, until, writeDataset, type JobRun } from './kit.js';

const TIMEOUT_MS = 60_000;
const PARAMS = { steps: 24, dim: 16, layers: 2, heads: 2, ffn: 32, batch: 6, context: 16, warmup: 4, checkpointEvery: 9, evalEvery: 8, evalTokens: 100, threads: 2 };
const checkpointsOf = (run: JobRun) => run.progress().flatMap((line) => (line['checkpoint'] === undefined ? [] : [line['checkpoint'] as { step: number; path: string; format: string }]));

describe('the training job', { timeout: TIMEOUT_MS }, () => {
  let dataset: string;
  let whole: JobRun;
  let log: string;

  beforeAll(async () => {
    dataset = writeDataset(mkdtempSync(join(tmpdir(), 'tiny-llama-data-')));
    whole = startJob('train.mjs', PARAMS, { DATASET: dataset });
    const ended = await whole.ended;
    log = ended.log;
    expect(ended, log).toMatchObject({ code: 0 });
  }, TIMEOUT_MS);

  it('leaves a Hugging Face directory and tells each step', () => {
    const folder = join(whole.output, 'checkpoint');
    expect(readdirSync(folder).sort()).toEqual(['config.json', 'generation_config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json', 'trainer_state.json']);
    const names: string[] = [];
    readSafetensors(join(folder, 'model.safetensors'), (name, { values }) => {
      names.push(name);
      expect(values.every(Number.isFinite)).toBe(true);
    });
    expect(names).toContain('model.layers.1.self_attn.q_proj.weight');
    const state = JSON.parse(readFileSync(join(folder, 'trainer_state.json'), 'utf8')) as { global_step: number; log_history: Record<string, number>[] };
    expect(state.global_step).toBe(24);
    const losses = state.log_history.flatMap((entry) => entry['eval_loss'] ?? []);
    expect(losses).toHaveLength(4);
    expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.5);
    const steps = whole.progress().filter((line) => line['step'] !== undefined);
    expect(steps.map((line) => line['step'])).toEqual(Array.from({ length: 24 }, (_, i) => i + 1));
    expect(steps.at(-1)).toMatchObject({ total: 24, metrics: { heldOutLoss: losses.at(-1) } });
    expect(checkpointsOf(whole)).toEqual([9, 18].map((step) => ({ step, path: `step-${step}`, format: 'tiny-llama' })));
    expect(log).toContain('done: held-out loss');
  });

  it.each([1, 3])('gives the same bits with %i threads', async (threads) => {
    const run = startJob('train.mjs', { ...PARAMS, threads }, { DATASET: dataset });
    expect(await run.ended).toMatchObject({ code: 0 });
    expect(digests(join(run.output, 'checkpoint'))).toEqual(digests(join(whole.output, 'checkpoint')));
  });

  it('gives other weights with another seed', async () => {
    const run = startJob('train.mjs', { ...PARAMS, seed: 2 }, { DATASET: dataset });
    expect(await run.ended).toMatchObject({ code: 0 });
    expect(digests(join(run.output, 'checkpoint'))['model.safetensors']).not.toBe(digests(join(whole.output, 'checkpoint'))['model.safetensors']);
  });

  it('goes on from a checkpoint to the same bits', async () => {
    const run = startJob('train.mjs', PARAMS, { DATASET: dataset }, { FERRY_RESUME_FROM: join(whole.checkpoints, 'step-9') });
    const ended = await run.ended;
    expect(ended, ended.log).toMatchObject({ code: 0 });
    expect(ended.log).toContain('resumed from step 9');
    expect(run.progress().find((line) => line['step'] !== undefined)).toMatchObject({ step: 10 });
    expect(digests(join(run.output, 'checkpoint'))).toEqual(digests(join(whole.output, 'checkpoint')));
  });

  it('saves on SIGTERM, leaves with 75, and what it saved leads to the same bits', async () => {
    // Too many steps to be done before the signal comes.
    const params = { ...PARAMS, steps: 4000, checkpointEvery: 4000, evalEvery: 4000 };
    const run = startJob('train.mjs', params, { DATASET: dataset });
    await until(() => run.progress().find((line) => line['step'] === 3));
    run.child.kill('SIGTERM');
    const ended = await run.ended;
    expect(ended, ended.log).toMatchObject({ code: 75 });
    expect(ended.log).toMatch(/saved step \d+ on SIGTERM/);
    const [saved, ...others] = checkpointsOf(run);
    expect(others).toEqual([]);
    // Complete under its name: nothing temporary is left.
    expect(readdirSync(run.checkpoints)).toEqual([saved!.path]);
    expect(readdirSync(run.output)).toEqual([]);
    // The whole way would be 4000 steps: five more are compared with a run that was never stopped.
    const target = { ...params, checkpointEvery: saved!.step + 5 };
    const [resumed, straight] = [startJob('train.mjs', target, { DATASET: dataset }, { FERRY_RESUME_FROM: join(run.checkpoints, saved!.path) }), startJob('train.mjs', target, { DATASET: dataset })];
    await Promise.all([resumed, straight].map((job) => until(() => checkpointsOf(job)[0])));
    for (const job of [resumed, straight]) job.child.kill('SIGKILL');
    await Promise.all([resumed.ended, straight.ended]);
    const name = `step-${saved!.step + 5}`;
    expect(digests(join(resumed.checkpoints, name))).toEqual(digests(join(straight.checkpoints, name)));
  });

  it('hears SIGTERM while it looks at the held-out loss, and has that look again after the resume', async () => {
    // A look that takes minutes.
    const long = { ...PARAMS, evalTokens: 10_000_000 };
    const atFirst = startJob('train.mjs', long, { DATASET: dataset });
    await once(atFirst.child.stdout!, 'data');
    atFirst.child.kill('SIGTERM');
    expect(await atFirst.ended).toMatchObject({ code: 75, log: expect.stringContaining('nothing new to save on SIGTERM') as string });
    expect(checkpointsOf(atFirst)).toEqual([]);

    const later = startJob('train.mjs', long, { DATASET: dataset }, { FERRY_RESUME_FROM: join(whole.checkpoints, 'step-9') });
    await until(() => later.progress().find((line) => line['step'] === 15));
    // Step 16 is looked at before it is told.
    await setTimeout(500);
    later.child.kill('SIGTERM');
    expect(await later.ended).toMatchObject({ code: 75 });
    expect(checkpointsOf(later)).toMatchObject([{ step: 16 }]);
    const run = startJob('train.mjs', PARAMS, { DATASET: dataset }, { FERRY_RESUME_FROM: join(later.checkpoints, 'step-16') });
    expect(await run.ended).toMatchObject({ code: 0 });
    expect(digests(join(run.output, 'checkpoint'))).toEqual(digests(join(whole.output, 'checkpoint')));
  });

  it.each([
    [{ steps: 0 }, 'steps: 0 is not a whole number from 1'],
    [{ dim: 20 }, 'no multiple of 8'],
    [{ lr: 9, learningrate: 3, colour: 'red' }, 'lr is unknown; did you mean learningRate?; learningrate is unknown; did you mean learningRate?; colour is unknown; known are dim, heads,'],
    [{ steps: '9', learningRate: -1 }, 'steps: "9" is not a whole number from 1 to 1000000; learningRate: -1'],
  ])('refuses %o with 78', async (change, message) => {
    const ended = await startJob('train.mjs', { ...PARAMS, ...change }, { DATASET: dataset }).ended;
    expect(ended).toMatchObject({ code: 78 });
    expect(ended.log).toContain(message);
  });

  it('refuses parameters that are no JSON with 78 and one line', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tiny-llama-params-'));
    writeFileSync(join(folder, 'params.json'), '{"steps": 4,');
    const ended = await startJob('train.mjs', PARAMS, { DATASET: dataset }, { FERRY_PARAMS_FILE: join(folder, 'params.json') }).ended;
    expect(ended).toMatchObject({ code: 78 });
    expect(ended.log).toMatch(/^the parameters in .*params\.json cannot be read as JSON: .*\n$/);
  });

  it('refuses a dataset without the split, or with too little in it, with 78', async () => {
    const empty = await startJob('train.mjs', PARAMS, { DATASET: mkdtempSync(join(tmpdir(), 'tiny-llama-empty-')) }).ended;
    expect(empty).toMatchObject({ code: 78 });
    expect(empty.log).toContain('no readable manifest.json');
    const tiny = await startJob('train.mjs', PARAMS, { DATASET: writeDataset(mkdtempSync(join(tmpdir(), 'tiny-llama-data-')), { train: 40, heldout: 0 }) }).ended;
    expect(tiny).toMatchObject({ code: 78 });
    expect(tiny.log).toContain('the split heldout has 0 tokens');
  });

  it('fails with a message once the loss is no number', async () => {
    // RMSNorm and clipping keep a model of this size from diverging by itself: a weight that is no number stands in.
    const broken = mkdtempSync(join(tmpdir(), 'tiny-llama-broken-'));
    cpSync(join(whole.checkpoints, 'step-9'), broken, { recursive: true });
    const weights = join(broken, 'model.safetensors');
    const bytes = readFileSync(weights);
    bytes.writeFloatLE(NaN, bytes.length - 4);
    writeFileSync(weights, bytes);
    const ended = await startJob('train.mjs', PARAMS, { DATASET: dataset }, { FERRY_RESUME_FROM: broken }).ended;
    expect(ended).toMatchObject({ code: 1 });
    expect(ended.log).toMatch(/the loss is NaN .* at step 10: training diverged/);
  });

  it('goes on from a checkpoint of another schedule, says what changed, and is as determined as before', async () => {
    const again = { FERRY_RESUME_FROM: join(whole.checkpoints, 'step-9') };
    const runs = [1, 2].map((threads) => startJob('train.mjs', { ...PARAMS, learningRate: 0.001, clip: 0.5, steps: 20, threads }, { DATASET: dataset }, again));
    for (const run of runs) {
      const ended = await run.ended;
      expect(ended, ended.log).toMatchObject({ code: 0 });
      expect(ended.log).toContain('made with another schedule, training goes on with the new one: steps 24 → 20, learningRate 0.005 → 0.001, clip 1 → 0.5\nresumed from step 9\n');
      expect(run.progress().findLast((line) => line['step'] !== undefined)).toMatchObject({ step: 20, total: 20, metrics: { learningRate: 0.0001 } });
    }
    const [one, two] = runs.map((run) => digests(join(run.output, 'checkpoint')));
    expect(one).toEqual(two);
    expect(one!['model.safetensors']).not.toBe(digests(join(whole.output, 'checkpoint'))['model.safetensors']);
  });

  it.each([
    [{ layers: 3, ffn: 40 }, 'the checkpoint is of another model: layers 2 → 3, ffn 32 → 40;'],
    [{ steps: 5 }, 'the checkpoint is of step 9, beyond steps 5'],
  ])('refuses a checkpoint that %o cannot go on from, with 78', async (change, message) => {
    const ended = await startJob('train.mjs', { ...PARAMS, ...change }, { DATASET: dataset }, { FERRY_RESUME_FROM: join(whole.checkpoints, 'step-9') }).ended;
    expect(ended).toMatchObject({ code: 78 });
    expect(ended.log).toContain(message);
  });
});
