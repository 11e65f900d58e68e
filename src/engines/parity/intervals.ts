/** Two-sided, 95 %. */
export type Interval = readonly [low: number, high: number];

/** Measured values of what is independent of all else, the prompts of one document: how many, and their sum. For a share a value is 0 or 1. */
export interface Cluster {
  size: number;
  sum: number;
}

/** Fewer clusters than this say nothing about how much they differ, and t's expansion would be far off. */
export const MIN_CLUSTERS = 5;

/** 97.5 % quantile of the standard normal distribution. */
export const Z = 1.959963984540054;

/** 97.5 % quantile of Student's t by its expansion in 1/df (Abramowitz and Stegun 26.7.5): within 1 % from 4 degrees on. */
export function tQuantile(df: number): number {
  const g1 = (Z ** 3 + Z) / 4;
  const g2 = (5 * Z ** 5 + 16 * Z ** 3 + 3 * Z) / 96;
  const g3 = (3 * Z ** 7 + 19 * Z ** 5 + 17 * Z ** 3 - 15 * Z) / 384;
  const g4 = (79 * Z ** 9 + 776 * Z ** 7 + 1482 * Z ** 5 - 1920 * Z ** 3 - 945 * Z) / 92160;
  return Z + g1 / df + g2 / df ** 2 + g3 / df ** 3 + g4 / df ** 4;
}

/** Wilson's score interval of a share (Wilson 1927; recommended by Newcombe 1998, Stat. Med. 17:857). `n` may be an effective size. */
export function wilson(share: number, n: number): Interval {
  const centre = (share + Z ** 2 / (2 * n)) / (1 + Z ** 2 / n);
  const half = (Z / (1 + Z ** 2 / n)) * Math.sqrt((share * (1 - share)) / n + Z ** 2 / (4 * n ** 2));
  // The formula reaches these exactly; rounding does not.
  return [share === 0 ? 0 : Math.max(0, centre - half), share === 1 ? 1 : Math.min(1, centre + half)];
}

export interface Estimate {
  value: number;
  interval: Interval;
}

/**
 * A share over positions that come in clusters, with Wilson's interval for the effective number of positions: their
 * number over the design effect, corrected for few clusters by t (Korn and Graubard 1998, Surv. Methodol. 24:193; Franco
 * et al. 2019, J. Surv. Stat. Methodol. 7:334, who find Wilson's the best of such intervals). The design effect is the
 * variance between clusters (of a ratio, by linearisation) over that of as many single positions. Where each value is the
 * same there is nothing to see it from; so it is at least Kish's for the intraclass correlation `icc` (1987, Statistical
 * Design for Research, 1 + (m - 1) icc, with m the mean size as a position meets it). 0 is sound for agreement: a prompt
 * ends with its first divergence, so each position is one trial given those before it, and only differences between
 * prompts make them dependent. 1 counts clusters.
 */
export function shareOf(clusters: readonly Cluster[], { icc = 0 }: { icc?: number } = {}): Estimate {
  const { n, value, variance } = ratioOf(clusters);
  if (n === 0 || clusters.length < MIN_CLUSTERS) return { value: n === 0 ? 0 : value, interval: [0, 1] };
  const single = (value * (1 - value)) / n;
  const assumed = 1 + (clusters.reduce((total, { size }) => total + size ** 2, 0) / n - 1) * icc;
  const designEffect = Math.max(1, assumed, single > 0 ? variance / single : 1);
  return { value, interval: wilson(value, (n / designEffect) * (Z / tQuantile(clusters.length - 1)) ** 2) };
}

/** A mean over positions that come in clusters, with its t interval from the variance between clusters. */
export function meanOf(clusters: readonly Cluster[]): Estimate {
  const { n, value, variance } = ratioOf(clusters);
  if (n === 0 || clusters.length < MIN_CLUSTERS) return { value: n === 0 ? 0 : value, interval: [-Infinity, Infinity] };
  const half = tQuantile(clusters.length - 1) * Math.sqrt(variance);
  return { value, interval: [value - half, value + half] };
}

/** Sum over size, with the variance of such a ratio between clusters (Cochran 1977, Sampling Techniques, 6.3). */
function ratioOf(clusters: readonly Cluster[]): { n: number; value: number; variance: number } {
  const n = clusters.reduce((total, { size }) => total + size, 0);
  const value = clusters.reduce((total, { sum }) => total + sum, 0) / n;
  const squares = clusters.reduce((total, { sum, size }) => total + (sum - value * size) ** 2, 0);
  return { n, value, variance: ((clusters.length / (clusters.length - 1)) * squares) / n ** 2 };
}
