/** Natural logarithms of the softmax of `logits`, in double precision. */
export function logSoftmax(logits: Float32Array): Float64Array {
  let max = -Infinity;
  for (const logit of logits) if (logit > max) max = logit;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - max);
  const shift = max + Math.log(sum);
  return Float64Array.from(logits, (logit) => logit - shift);
}

/** Index of the largest value, the first of equals. */
export function argmax(values: Float32Array | Float64Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** Indexes of the `k` largest values, largest first, the lower index first among equals. */
export const topK = (values: Float64Array, k: number): number[] => [...values.keys()].sort((a, b) => values[b]! - values[a]! || a - b).slice(0, k);
