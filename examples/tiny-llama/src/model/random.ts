// Random numbers that depend on a seed and a place alone, never on what was drawn before: so a resumed run draws the same.

/** A 32-bit hash of a list of integers: each is stirred in by a round of murmur3's finaliser. */
export function hash32(...parts: readonly number[]): number {
  let h = 0x9e3779b9;
  for (const part of parts) {
    h = Math.imul(h ^ part, 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h = (h ^ (h >>> 16)) + 0x9e3779b9;
  }
  return h >>> 0;
}

/** Uniform in [0, 1). */
export const uniform = (...parts: readonly number[]): number => hash32(...parts) / 2 ** 32;

/** Normal with mean 0 and deviation 1 (Box and Muller 1958). */
export const normal = (...parts: readonly number[]): number => Math.sqrt(-2 * Math.log(1 - uniform(...parts, 1))) * Math.cos(2 * Math.PI * uniform(...parts, 2));
