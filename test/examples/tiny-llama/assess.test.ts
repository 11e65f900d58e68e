import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { clozeItems, solves } from '../../../examples/tiny-llama/src/assess/score.js';
import type { Decoder } from '../../../examples/tiny-llama/src/model/decoder.js';
import { QualityReport } from '../../../src/domain/reports/quality-report.js';
import { SMALL, startJob, strongDecoder, until, writeDataset, type JobRun } from './kit.js';

const TIMEOUT_MS = 60_000;
const PARAMS = { context: 16, minTokens: 500, clozeItems: 40, maxTokens: 1000 };
const LOW_BAR = { maxHeldOutLoss: 5, minNextByteAccuracy: 0.05, minClozeAccuracy: 0.3 };

describe('the assessment', { timeout: TIMEOUT_MS }, () => {
  let dataset: string;
  let checkpoint: string;

  beforeAll(async () => {
    dataset = writeDataset(mkdtempSync(join(tmpdir(), 'tiny-llama-data-')));
    const run = startJob('train.mjs', { steps: 60, dim: 16, layers: 2, heads: 2, ffn: 32, context: 16, learningRate: 0.01, threads: 1 }, { DATASET: dataset });
    expect(await run.ended).toMatchObject({ code: 0 });
    checkpoint = join(run.output, 'checkpoint');
  }, TIMEOUT_MS);

  const assess = async (params: unknown, data = dataset): Promise<{ run: JobRun; report: QualityReport }> => {
    const run = startJob('assess.mjs', params, { DATASET: data, CHECKPOINT: checkpoint });
    const ended = await run.ended;
    expect(ended, ended.log).toMatchObject({ code: 0 });
    return { run, report: QualityReport.parse(JSON.parse(readFileSync(join(run.output, 'quality/quality.json'), 'utf8'))) };
  };

  it('passes what meets the bar, and says how much was measured', async () => {
    const { run, report } = await assess({ ...PARAMS, bar: LOW_BAR });
    expect(report.verdict.value).toBe('pass');
    expect(report.verdict.reasons).toHaveLength(3);
    expect(report.bar).toEqual(LOW_BAR);
    // maxTokens, rounded up to whole windows.
    expect(report.heldOut.tokens).toBe(1008);
    expect(report.heldOut.loss).toBeLessThan(4);
    expect(report.items.map(({ name }) => name)).toEqual(['nextByteAccuracy', 'cloze']);
    for (const { detail } of report.items) expect(detail).toMatch(/; 95 %: 0\.\d+ to [01]\.\d+$/);
    expect(report.verdict.reasons[0]).toMatch(/^held-out loss \d\.\d+ nats a byte \(95 %: \d\.\d+ to \d\.\d+\); at most 5$/);
    const lines = run.progress();
    expect(lines.at(-1)).toEqual({ verdict: report.verdict });
    const metrics = lines.at(-2)!['metrics'] as Record<string, number>;
    expect(metrics).toMatchObject({ heldOutLoss: report.heldOut.loss, nextByteAccuracy: report.items[0]!.score });
    expect(metrics['clozeAccuracy']).toBe(report.items[1]!.score);
  });

  it('agrees with the trainer about the held-out loss', async () => {
    const { report } = await assess({ ...PARAMS, maxTokens: 100_000, bar: LOW_BAR });
    const state = JSON.parse(readFileSync(join(checkpoint, 'trainer_state.json'), 'utf8')) as { log_history: { eval_loss?: number }[] };
    expect(report.heldOut.loss).toBeCloseTo(state.log_history.at(-1)!.eval_loss!, 1);
  });

  it('fails what misses the bar, with the missed bounds first, and still ends with 0', async () => {
    const { report } = await assess({ ...PARAMS, bar: { ...LOW_BAR, minClozeAccuracy: 1, maxHeldOutLoss: 0.1 } });
    expect(report.verdict.value).toBe('fail');
    expect(report.verdict.reasons[0]).toMatch(/^held-out loss .*; at most 0.1$/);
    expect(report.verdict.reasons[1]).toMatch(/^cloze right in .*; at least 100.0 %$/);
    expect(report.verdict.reasons[2]).toMatch(/^next byte right/);
  });

  it('is inconclusive where there is too little to measure, even if the bar would be met', async () => {
    const few = writeDataset(mkdtempSync(join(tmpdir(), 'tiny-llama-data-')), { train: 1, heldout: 1 });
    const { report } = await assess({ ...PARAMS, clozeItems: 10, bar: LOW_BAR }, few);
    expect(report.verdict.value).toBe('inconclusive');
    expect(report.verdict.reasons).toEqual([expect.stringMatching(/^only \d+ held-out tokens; 500 are needed$/) as string, expect.stringMatching(/^only \d+ cloze items; 20 are needed$/) as string]);
  });

  it('is inconclusive where the bar lies within the interval', async () => {
    const measured = (await assess({ ...PARAMS, bar: LOW_BAR })).report.heldOut.loss;
    const { report } = await assess({ ...PARAMS, bar: { ...LOW_BAR, maxHeldOutLoss: measured + 1e-4 } });
    expect(report.verdict.value).toBe('inconclusive');
    expect(report.verdict.reasons[0]).toMatch(/^held-out loss .*: too close to tell$/);
  });

  it('hears SIGTERM in the middle, and leaves with 75 and no report', async () => {
    const run = startJob('assess.mjs', { ...PARAMS, clozeItems: 100_000, bar: LOW_BAR }, { DATASET: dataset, CHECKPOINT: checkpoint });
    await until(() => run.progress().find((line) => (line['step'] as number) > 100));
    run.child.kill('SIGTERM');
    expect(await run.ended).toMatchObject({ code: 75, log: expect.stringMatching(/^stopped on SIGTERM after \d+ of \d+ windows and items; exit 75 asks for another try\n$/) as string });
    expect(readdirSync(run.output)).toEqual([]);
  });

  it('refuses parameters without a bar, or an incomplete one, with 78', async () => {
    for (const params of [PARAMS, { ...PARAMS, bar: { maxHeldOutLoss: 2 } }]) {
      expect(await startJob('assess.mjs', params, { DATASET: dataset, CHECKPOINT: checkpoint }).ended).toMatchObject({ code: 78, log: expect.stringContaining('bar.minClozeAccuracy: nothing is not a number') as string });
    }
  });

  it('refuses unknown parameters, within the bar too, with 78', async () => {
    const ended = await startJob('assess.mjs', { ...PARAMS, max_tokens: 5, bar: { ...LOW_BAR, maxHeldoutLoss: 1 } }, { DATASET: dataset, CHECKPOINT: checkpoint }).ended;
    expect(ended).toMatchObject({ code: 78 });
    expect(ended.log).toContain('max_tokens is unknown; did you mean maxTokens?; bar.maxHeldoutLoss is unknown; did you mean maxHeldOutLoss?');
  });

  it('asks about continuations whose two contexts differ', () => {
    const document = Buffer.from('abcdefghijklmnopqrstuvwxyz'.repeat(4));
    const items = clozeItems([document, Buffer.from('0123456789'.repeat(10)), Buffer.alloc(100, 'x')], { count: 60, context: 16, seed: 1 });
    expect(items.length).toBeGreaterThan(20);
    for (const { context, real, other } of items) {
      expect([context.length, real.length, other.length]).toEqual([10, 6, 10]);
      expect(other).not.toEqual(context);
    }
    // One text everywhere: nothing can be told apart.
    expect(clozeItems([Buffer.alloc(100, 'x'), Buffer.alloc(100, 'x')], { count: 60, context: 16, seed: 1 })).toEqual([]);
  });

  it('asks nothing that a model without a memory could answer', () => {
    const items = clozeItems([Buffer.from('abcdefgh'.repeat(20)), Buffer.from('0123456789'.repeat(20))], { count: 10, context: 16, seed: 1 });
    const forgetful: Decoder = { ...strongDecoder(SMALL), extend: (ids, _, visit) => ids.forEach((__, row) => visit(new Float32Array(258), row)) };
    for (const item of items) expect(solves(forgetful, item)).toBe(false);
  });
});
