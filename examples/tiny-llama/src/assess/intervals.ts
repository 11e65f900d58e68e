// 95 % intervals of what was measured. Windows are the sample: bytes of one window depend on each other.

export interface Interval {
  low: number;
  high: number;
}

export interface Estimate {
  value: number;
  interval: Interval;
}

/** The normal distribution's, for 95 %. */
const Z = 1.96;

/** Wilson's score interval of a share (Wilson 1927). `n` may be an effective size. */
function wilson(share: number, n: number): Interval {
  const centre = (share + (Z * Z) / (2 * n)) / (1 + (Z * Z) / n);
  const half = (Z / (1 + (Z * Z) / n)) * Math.sqrt((share * (1 - share)) / n + (Z * Z) / (4 * n * n));
  // Exactly 0 and 1 at the ends, so that a bound of 0 or 1 is never missed by a rounding.
  return { low: share === 0 ? 0 : Math.max(0, centre - half), high: share === 1 ? 1 : Math.min(1, centre + half) };
}

/** A share of independent trials. */
export const shareOf = (hits: number, trials: number): Estimate => ({ value: trials === 0 ? 0 : hits / trials, interval: trials === 0 ? { low: 0, high: 1 } : wilson(hits / trials, trials) });

/**
 * A share of trials that come in windows of one size: Wilson's interval for the effective number of trials, which is their
 * number over the design effect (Kish 1965), how much more the windows' shares differ than those of independent trials would.
 */
export function shareOfWindows(hits: readonly number[], size: number): Estimate {
  const total = hits.reduce((sum, count) => sum + count, 0);
  const trials = hits.length * size;
  if (trials === 0) return shareOf(0, 0);
  const value = total / trials;
  const independent = (value * (1 - value)) / trials;
  const effect = independent === 0 ? 1 : Math.max(1, varianceOfMean(hits.map((count) => count / size)) / independent);
  // A single window is one trial: nothing tells how much another would differ.
  return { value, interval: wilson(value, hits.length < 2 ? 1 : trials / effect) };
}

/** The mean of one number a window, with a normal interval: unbounded for a single window. */
export function meanOf(values: readonly number[]): Estimate {
  const value = values.reduce((sum, one) => sum + one, 0) / values.length;
  const half = values.length < 2 ? Infinity : Z * Math.sqrt(varianceOfMean(values));
  return { value, interval: { low: value - half, high: value + half } };
}

function varianceOfMean(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length * (values.length - 1));
}
