import { endianness } from 'node:os';

// The format is little-endian, and the loops below look at its bytes as numbers of this machine.
if (endianness() !== 'LE') throw new Error('converting checkpoints needs a little-endian machine');

/** What a conversion met among the values; a caller adds up one such object over many pieces. */
export interface ValueCounts {
  nan: number;
  infinite: number;
  /** Finite values that became infinite. */
  overflowed: number;
}

/** From this magnitude on, as bits of an FP32, a value rounds to infinity: the largest BF16 and half a step more. */
const OVERFLOWS = 0x7f7f8000;
const INFINITY_BITS = 0x7f800000;
const QUIET = 0x40;

/**
 * Rounds FP32 to BF16, which is its upper half, to nearest with ties to even (IEEE 754-2019, 4.3.1), subnormals
 * included. A NaN keeps its sign and the upper part of its payload and is made quiet, as VCVTNEPS2BF16 does; without
 * that bit a payload in the lower half alone would turn into an infinity.
 *
 * @param source FP32 values, little-endian, at a multiple of 4 in their buffer
 * @param target takes half as many bytes, at a multiple of 2 in its buffer
 */
export function fp32ToBf16(source: Uint8Array, target: Uint8Array, counts: ValueCounts): void {
  const length = source.length >>> 2;
  const from = new Int32Array(source.buffer, source.byteOffset, length);
  const to = new Uint16Array(target.buffer, target.byteOffset, length);
  for (let i = 0; i < length; i++) {
    const bits = from[i] as number;
    const magnitude = bits & 0x7fffffff;
    if (magnitude < OVERFLOWS) {
      // 0x7fff rounds all but ties up from the half; the kept part's lowest bit adds the 1 that sends a tie to even.
      to[i] = (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
    } else if (magnitude > INFINITY_BITS) {
      to[i] = (bits >>> 16) | QUIET;
      counts.nan += 1;
    } else {
      to[i] = ((bits >>> 16) & 0x8000) | (INFINITY_BITS >>> 16);
      if (magnitude === INFINITY_BITS) counts.infinite += 1;
      else counts.overflowed += 1;
    }
  }
}
