import { beforeAll, describe, expect, it } from 'vitest';
import type { ModelConfig } from '../../../examples/tiny-llama/src/model/config.js';
import { logSoftmax } from '../../../examples/tiny-llama/src/model/logprobs.js';
import { createTrainer } from '../../../examples/tiny-llama/src/train/trainer.js';
import { SMALL, someTokens, strongDecoder, strongWeights } from './kit.js';

const BATCH = 3;
const CONTEXT = 11;

/** A trainer with strong weights whose step changes none: the rate is 0. */
function still(config: ModelConfig) {
  const trainer = createTrainer({ config, batch: BATCH, context: CONTEXT }, { threads: 1, seed: 1, clip: 1e9 });
  const weights = new Map(trainer.state('weights').map(([name, { values }]) => [name, values]));
  strongWeights(config, 4).forEach(({ values }, name) => weights.get(name)!.set(values));
  return { trainer, weights, tokens: Int32Array.from(someTokens(BATCH * (CONTEXT + 1), 9)) };
}

describe.each([
  ['heads that share keys and values', SMALL],
  ['a head of its own for all, and an output tied to the embedding', { ...SMALL, kvHeads: 2, tied: true }],
])('the backward pass, with %s', (_, config) => {
  const { trainer, weights, tokens } = still(config);
  let gradients: Map<string, Float32Array>;
  beforeAll(async () => {
    await trainer.step(tokens, 1, 0);
    gradients = new Map([...trainer.gradients()].map(([name, values]) => [name, values.slice()]));
  });

  /** The slope of the loss along a direction, by central differences. */
  const slopeAlong = async (values: Float32Array, direction: Float32Array): Promise<number> => {
    const size = 4e-3;
    const kept = values.slice();
    const lossAt = async (sign: number): Promise<number> => {
      values.forEach((__, i) => (values[i] = kept[i]! + sign * size * direction[i]!));
      const loss = await trainer.loss(tokens);
      values.set(kept);
      return loss;
    };
    return ((await lossAt(1)) - (await lossAt(-1))) / (2 * size);
  };

  it.each([...weights.keys()])('%s agrees with finite differences', async (name) => {
    const values = weights.get(name)!;
    const gradient = gradients.get(name)!;
    const norm = Math.hypot(...gradient);
    expect(norm).toBeGreaterThan(1e-3);
    // All at once, along the gradient itself …
    expect((await slopeAlong(values, gradient.map((value) => value / norm))) / norm).toBeCloseTo(1, 1.8);
    // … and the largest entries alone.
    const largest = [...gradient.keys()].sort((a, b) => Math.abs(gradient[b]!) - Math.abs(gradient[a]!)).slice(0, 3);
    for (const index of largest) {
      const slope = await slopeAlong(values, new Float32Array(values.length).fill(1, index, index + 1));
      expect(Math.abs(slope - gradient[index]!)).toBeLessThan(0.02 * Math.abs(gradient[index]!) + 2e-4);
    }
  });

  it('has the loss that inference has', async () => {
    const decoder = strongDecoder(config, 4);
    let loss = 0;
    for (let sequence = 0; sequence < BATCH; sequence++) {
      const ids = [...tokens.subarray(sequence * (CONTEXT + 1), (sequence + 1) * (CONTEXT + 1))];
      decoder.reset();
      decoder.extend(ids.slice(0, CONTEXT), 'all', (logits, row) => void (loss -= logSoftmax(logits)[ids[row + 1]!]!));
    }
    expect(await trainer.loss(tokens)).toBeCloseTo(loss / (BATCH * CONTEXT), 5);
  });
});

describe('a step', () => {
  it('learns a text by heart', async () => {
    const trainer = createTrainer({ config: SMALL, batch: 2, context: 16 }, { threads: 1, seed: 3, clip: 1 });
    const tokens = Int32Array.from(someTokens(34, 2));
    const first = (await trainer.step(tokens, 1, 0.01)).loss;
    let last = first;
    for (let step = 2; step <= 150; step++) last = (await trainer.step(tokens, step, 0.01)).loss;
    expect(first).toBeCloseTo(Math.log(258), 0);
    expect(last).toBeLessThan(0.2);
  });
});
