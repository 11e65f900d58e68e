// The declared bar of an assessment, and how much it measures.
import type { Params } from '../contract.js';
import { ParamReader } from '../param-reader.js';

export interface AssessParams {
  bar: { maxHeldOutLoss: number; minNextByteAccuracy: number; minClozeAccuracy: number };
  /** Held-out tokens to score at most; they are spread evenly over the split. */
  maxTokens: number;
  /** Below these the verdict is inconclusive. */
  minTokens: number;
  minClozeItems: number;
  clozeItems: number;
  /** Tokens that the model sees at once, at most: those that it was trained on. */
  context: number;
  seed: number;
}

/** Throws ConfigurationError that names each wrong parameter. */
export function assessParams(params: Params): AssessParams {
  const read = new ParamReader(params);
  const bounds = read.part('bar');
  const result: AssessParams = {
    bar: {
      maxHeldOutLoss: bounds.number('maxHeldOutLoss', undefined, { min: 0, max: 100, fraction: true }),
      minNextByteAccuracy: bounds.number('minNextByteAccuracy', undefined, { min: 0, max: 1, fraction: true }),
      minClozeAccuracy: bounds.number('minClozeAccuracy', undefined, { min: 0, max: 1, fraction: true }),
    },
    maxTokens: read.number('maxTokens', 16384, { min: 1, max: 10_000_000 }),
    minTokens: read.number('minTokens', 2048, { min: 1, max: 10_000_000 }),
    minClozeItems: read.number('minClozeItems', 20, { min: 1, max: 100_000 }),
    clozeItems: read.number('clozeItems', 200, { min: 1, max: 100_000 }),
    context: read.number('context', 64, { min: 16, max: 4096 }),
    seed: read.number('seed', 1, { min: 0, max: 2 ** 31 - 1 }),
  };
  read.done();
  return result;
}
