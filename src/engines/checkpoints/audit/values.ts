/**
 * The bound on BF16's error relative to the value. BF16 keeps 8 significant bits: around a value of exponent e its
 * neighbours lie 2^(e-7) apart, and the nearest is at most half of that away, 2^(e-8) <= 2^-8 |value|. Rounding to
 * nearest keeps within it always. Truncation breaks it wherever more is cut off than 2^-8 |value|: at about one
 * value in four, so that a tensor of any size never passes and a single value may.
 */
export const BF16_BOUND = 2 ** -8;
/**
 * Below 2^-126, the smallest normal value, BF16's neighbours lie 2^-133 apart whatever the value, and the nearest is at
 * most 2^-134 away. At 2^-126 the two bounds meet.
 */
export const BF16_FLOOR = 2 ** -134;
const SMALLEST_NORMAL = 2 ** -126;
/** The largest BF16, (2 - 2^-7) 2^127, and half a step more: from here on the nearest value is infinity (IEEE 754-2019, 4.3.1). */
const OVERFLOWS_FROM = (2 - 2 ** -8) * 2 ** 127;

/** What comparing a tensor came to, added up over its pieces. */
export interface ValueStats {
  compared: number;
  nan: number;
  infinite: number;
  overflowed: number;
  /** Over values above the subnormals. */
  maxRelativeError: number;
  maxAbsoluteError: number;
  /** Values outside the bound, or that changed their kind. */
  wrong: number;
  /** Whether the source holds anything that is neither zero nor subnormal. */
  anyNormal: boolean;
  firstWrong: { index: number; source: number; target: number } | undefined;
}

export const noStats = (): ValueStats => ({ compared: 0, nan: 0, infinite: 0, overflowed: 0, maxRelativeError: 0, maxAbsoluteError: 0, wrong: 0, anyNormal: false, firstWrong: undefined });

/** The value of each BF16, by its bits: they are the upper half of an FP32's. */
const VALUES = new Float32Array(1 << 16);
for (let bits = 0, halves = new Uint32Array(VALUES.buffer); bits < halves.length; bits++) halves[bits] = bits << 16;

/**
 * Compares a piece of FP32 values with BF16 ones: each within the bound, NaN for NaN, the same infinity for an
 * infinity, and an infinity for a finite value only where the nearest BF16 is one. Errors are computed in FP64, in
 * which the difference of two close FP32 values is exact.
 * @param target the bits of as many BF16 values as `source` has
 */
export function compareBf16(source: Float32Array, target: Uint16Array, stats: ValueStats): void {
  // Ends at the first value of nearly every tensor. A NaN is no number to be small.
  stats.anyNormal ||= source.some((value) => !(Math.abs(value) < SMALLEST_NORMAL));
  let maxRelative = stats.maxRelativeError;
  let maxAbsolute = stats.maxAbsoluteError;
  for (let i = 0; i < source.length; i++) {
    const s = source[i] as number;
    const t = VALUES[target[i] as number] as number;
    const magnitude = Math.abs(s);
    const error = Math.abs(s - t);
    // An infinity's bound is infinite too, and would let any number stand for it.
    if (error <= magnitude * BF16_BOUND && error < Infinity) {
      // Dividing only for a new maximum: it is rare after the first few values.
      if (error > maxRelative * magnitude) maxRelative = error / magnitude;
      if (error > maxAbsolute) maxAbsolute = error;
      continue;
    }
    const kind = judge(s, t);
    if (kind === 'wrong') {
      stats.wrong += 1;
      stats.firstWrong ??= { index: stats.compared + i, source: s, target: t };
      if (magnitude >= SMALLEST_NORMAL && error < Infinity) maxRelative = Math.max(maxRelative, error / magnitude);
    }
    if (Number.isNaN(s)) stats.nan += 1;
    else if (magnitude === Infinity) stats.infinite += 1;
    if (kind === 'overflowed') stats.overflowed += 1;
    if (error < Infinity) maxAbsolute = Math.max(maxAbsolute, error);
  }
  stats.compared += source.length;
  stats.maxRelativeError = maxRelative;
  stats.maxAbsoluteError = maxAbsolute;
}

/** A value that the relative bound does not cover. */
function judge(s: number, t: number): 'right' | 'overflowed' | 'wrong' {
  if (Number.isNaN(s)) return Number.isNaN(t) ? 'right' : 'wrong';
  if (Math.abs(s) === Infinity) return s === t ? 'right' : 'wrong';
  if (Math.abs(t) === Infinity) return Math.abs(s) >= OVERFLOWS_FROM && s > 0 === t > 0 ? 'overflowed' : 'wrong';
  return Math.abs(s - t) <= BF16_FLOOR ? 'right' : 'wrong';
}

/** Counts what is not finite in BF16 values that went over unchanged, and looks for one that is not next to nothing. */
export function countBf16(target: Uint16Array, stats: ValueStats): void {
  stats.anyNormal ||= target.some((bits) => (bits & 0x7f80) !== 0);
  for (let i = 0; i < target.length; i++) {
    const magnitude = (target[i] as number) & 0x7fff;
    if (magnitude < 0x7f80) continue;
    if (magnitude === 0x7f80) stats.infinite += 1;
    else stats.nan += 1;
  }
}
