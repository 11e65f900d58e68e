import { describe, expect, it } from 'vitest';
import { fp32ToBf16, type ValueCounts } from '../../../src/engines/checkpoints/bf16.js';
import { asBits16, bf16Value, bits32, f32, nearestBf16 } from '../../support/checkpoints.js';

function converted(source: Uint8Array): { bits: Uint16Array; counts: ValueCounts } {
  const target = new Uint8Array(source.length / 2);
  const counts = { nan: 0, infinite: 0, overflowed: 0 };
  fp32ToBf16(source, target, counts);
  return { bits: asBits16(target), counts };
}

const one = (bits: number): number => converted(bits32(bits)).bits[0] ?? NaN;

describe('FP32 to BF16', () => {
  // Below, at and above a tie, and the ends: what is cut off decides the rounding.
  it.each([0x0000, 0x0001, 0x7fff, 0x8000, 0x8001, 0xffff])('rounds to the nearest, ties to even, for every upper half with the lower half 0x%s', (low) => {
    const source = new Uint32Array(65536);
    for (let high = 0; high < 65536; high++) source[high] = ((high << 16) | low) >>> 0;
    const values = new Float32Array(source.buffer);
    const { bits, counts } = converted(new Uint8Array(source.buffer));
    const expected = { nan: 0, infinite: 0, overflowed: 0 };
    const wrong: string[] = [];
    for (const [i, value] of values.entries()) {
      const got = bits[i] ?? -1;
      const right = nearestBf16(value);
      if (right === undefined ? !Number.isNaN(bf16Value(got)) || (got & 0x40) === 0 || got >>> 15 !== i >>> 15 : got !== right) wrong.push(`${source[i]?.toString(16)} became ${got.toString(16)}, not ${right?.toString(16)}`);
      if (right === undefined) expected.nan += 1;
      else if (Math.abs(value) === Infinity) expected.infinite += 1;
      else if ((right & 0x7fff) === 0x7f80) expected.overflowed += 1;
    }
    expect(wrong).toEqual([]);
    expect(counts).toEqual(expected);
  });

  it.each([
    ['a tie below an even value', 0x3f808000, 0x3f80],
    ['a tie below an odd one', 0x3f818000, 0x3f82],
    ['just above a tie', 0x3f808001, 0x3f81],
    ['a carry into the exponent', 0x3fffffff, 0x4000],
    ['minus zero', 0x80000000, 0x8000],
    ['the smallest subnormal', 0x00000001, 0x0000],
    ['half of BF16\'s smallest, a tie', 0x00008000, 0x0000],
    ['just above that', 0x00008001, 0x0001],
    ['the largest subnormal, which becomes normal', 0x007fffff, 0x0080],
    ['the largest that stays finite', 0x7f7f7fff, 0x7f7f],
    ['the smallest that overflows', 0x7f7f8000, 0x7f80],
    ['the largest finite, negative', 0xff7fffff, 0xff80],
    ['infinity', 0x7f800000, 0x7f80],
    ['a NaN with its payload in the lower half alone', 0x7f800001, 0x7fc0],
    ['a negative NaN with a payload above', 0xffa50001, 0xffe5],
  ])('takes %s', (_, from, to) => {
    expect(one(from).toString(16)).toBe(to.toString(16));
  });

  it('works in a part of a larger buffer and leaves the rest', () => {
    const source = f32(9, 1, 2, 9).subarray(4, 12);
    const whole = new Uint8Array(8).fill(7);
    fp32ToBf16(source, whole.subarray(2, 6), { nan: 0, infinite: 0, overflowed: 0 });
    expect([...whole]).toEqual([7, 7, 0x80, 0x3f, 0x00, 0x40, 7, 7]);
  });
});
