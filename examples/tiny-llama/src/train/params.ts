// The parameters of a training, with defaults that suit two cores and half a minute.
import { availableParallelism } from 'node:os';
import type { Params } from '../contract.js';
import { shapeProblem, VOCAB, type ModelConfig } from '../model/config.js';
import { ParamReader } from '../param-reader.js';

export interface TrainParams {
  config: ModelConfig;
  steps: number;
  /** Sequences a step. */
  batch: number;
  /** Tokens a sequence. */
  context: number;
  /** At its highest; it rises over `warmup` steps and falls as a cosine to a tenth. */
  learningRate: number;
  warmup: number;
  seed: number;
  /** Steps between checkpoints, and between looks at the held-out loss. */
  checkpointEvery: number;
  evalEvery: number;
  /** Held-out tokens a look; rounded up to whole batches. */
  evalTokens: number;
  /** Norm to which gradients are clipped. */
  clip: number;
  threads: number;
}

/** Throws ConfigurationError that names each wrong parameter. */
export function trainParams(params: Params): TrainParams {
  const read = new ParamReader(params);
  const dim = read.number('dim', 96, { min: 8, max: 1024 });
  const heads = read.number('heads', 4, { min: 1, max: 64 });
  const context = read.number('context', 64, { min: 8, max: 1024 });
  const steps = read.number('steps', undefined, { min: 1, max: 1_000_000 });
  const config: ModelConfig = {
    vocab: VOCAB,
    dim,
    layers: read.number('layers', 3, { min: 1, max: 32 }),
    heads,
    kvHeads: read.number('kvHeads', heads, { min: 1, max: 64 }),
    headDim: dim / heads,
    ffn: read.number('ffn', 256, { min: 8, max: 4096 }),
    ropeTheta: 10000,
    epsilon: 1e-5,
    tied: false,
    maxPositions: read.number('maxPositions', Math.max(256, context), { min: context, max: 8192 }),
  };
  const wrong = shapeProblem(config);
  if (wrong !== undefined) read.problem(`dim, heads, kvHeads, ffn: ${wrong}`);
  const result: TrainParams = {
    config,
    steps,
    batch: read.number('batch', 8, { min: 1, max: 256 }),
    context,
    learningRate: read.number('learningRate', 0.005, { min: 1e-6, max: 1, fraction: true }),
    warmup: read.number('warmup', 30, { min: 0, max: 100_000 }),
    seed: read.number('seed', 1, { min: 0, max: 2 ** 31 - 1 }),
    checkpointEvery: read.number('checkpointEvery', 100, { min: 1, max: 1_000_000 }),
    evalEvery: read.number('evalEvery', 50, { min: 1, max: 1_000_000 }),
    evalTokens: read.number('evalTokens', 4096, { min: 1, max: 10_000_000 }),
    clip: read.number('clip', 1, { min: 1e-6, max: 1e6, fraction: true }),
    threads: read.number('threads', Math.min(4, availableParallelism()), { min: 1, max: 16 }),
  };
  read.done();
  return result;
}

/** The learning rate of a step, counted from 1. */
export function learningRateAt(step: number, { learningRate, warmup, steps }: TrainParams): number {
  if (step <= warmup) return (learningRate * step) / warmup;
  const share = (step - warmup) / Math.max(1, steps - warmup);
  return learningRate * (0.1 + 0.45 * (1 + Math.cos(Math.PI * share)));
}
