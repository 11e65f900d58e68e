import { describe, expect, it } from 'vitest';
import { meanOf, shareOf, tQuantile, wilson } from '../../../src/engines/parity/intervals.js';
import type { Cluster } from '../../../src/engines/parity/intervals.js';
import { chance } from '../serving/toy-server.js';

const clusters = (sizes: number[], sums: number[]): Cluster[] => sizes.map((size, index) => ({ size, sum: sums[index] as number }));

describe('Wilson\'s interval', () => {
  // Newcombe 1998, Stat. Med. 17:857, table I, method 3; the last two by scipy.stats.binomtest(...).proportion_ci.
  it.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
    [29, 29, 0.883, 1],
    [500, 512, 0.9595, 0.9865],
  ])('of %i in %i is as published', (sum, n, low, high) => {
    const [a, b] = wilson(sum / n, n);
    expect(a).toBeCloseTo(low, 4);
    expect(b).toBeCloseTo(high, 4);
  });
});

it('t\'s quantile is as tabled', () => {
  // scipy.stats.t.ppf(0.975, df)
  for (const [df, value] of [[4, 2.77645], [5, 2.57058], [10, 2.22814], [23, 2.06866], [31, 2.03951]] as const) expect(Math.abs(tQuantile(df) / value - 1)).toBeLessThan(0.002);
});

describe('an estimate over prompts', () => {
  // Computed with numpy and scipy by the formulas that intervals.ts names.
  it('has the interval of its effective number of positions', () => {
    const few = shareOf(clusters([10, 10, 4, 10, 7, 10], [10, 10, 3, 10, 6, 10]));
    expect(few.value).toBeCloseTo(0.960784, 6);
    expect([...few.interval].map((limit) => Number(limit.toFixed(3)))).toEqual([0.808, 0.993]);
    const uneven = shareOf(clusters(Array(8).fill(16), [16, 16, 16, 4, 16, 16, 2, 16]));
    // 128 positions count as 6.2, since two prompts have all the failures.
    expect([...uneven.interval].map((limit) => Number(limit.toFixed(3)))).toEqual([0.411, 0.957]);
    const [low, high] = meanOf(clusters(Array(8).fill(16), [16, 16, 16, 4, 16, 16, 2, 16])).interval;
    expect([low, high]).toEqual([expect.closeTo(0.4812, 3), expect.closeTo(1.1125, 3)]);
  });

  it('without any failure rests on the positions, less what few prompts take away', () => {
    const { value, interval } = shareOf(clusters(Array(32).fill(16), Array(32).fill(16)));
    expect([value, interval[1]]).toEqual([1, 1]);
    expect(interval[0]).toBeCloseTo(0.9919, 4);
  });

  it('is never surer than an assumed correlation allows: with 1 it counts prompts', () => {
    const none = (prompts: number, size: number, icc: number): number => shareOf(clusters(Array(prompts).fill(size), Array(prompts).fill(0)), { icc }).interval[1];
    expect(none(32, 16, 1)).toBeCloseTo(none(32, 1, 0), 12);
    expect(none(5, 160, 0)).toBeLessThan(0.01);
    expect(none(5, 160, 0.02)).toBeGreaterThan(0.03);
    expect(none(32, 32, 0.02)).toBeLessThan(0.01);
    // What is seen counts where it is more: two prompts with all the exceptions.
    const seen = clusters(Array(8).fill(16), [0, 0, 0, 12, 0, 0, 14, 0]);
    expect(shareOf(seen, { icc: 0.02 })).toEqual(shareOf(seen));
  });

  it('of fewer than five prompts, or of nothing, excludes nothing', () => {
    expect(shareOf(clusters([900, 900, 900, 900], [900, 900, 900, 900])).interval).toEqual([0, 1]);
    expect(shareOf([])).toEqual({ value: 0, interval: [0, 1] });
    expect(meanOf([])).toEqual({ value: 0, interval: [-Infinity, Infinity] });
  });

  it('holds the truth 19 times in 20 where prompts differ in how soon they diverge', () => {
    // Each prompt diverges at a rate of its own; the truth is the ratio over very many prompts.
    const sample = (round: number, prompts: number): Cluster[] =>
      Array.from({ length: prompts }, (_, prompt) => {
        const rate = 0.1 * chance(round, prompt, 1) ** 3;
        for (let at = 0; at < 32; at += 1) if (chance(round, prompt, at, 2) < rate) return { size: at + 1, sum: at };
        return { size: 32, sum: 32 };
      });
    const truth = shareOf(sample(0, 50_000)).value;
    let held = 0;
    for (let round = 1; round <= 1000; round += 1) {
      const [low, high] = shareOf(sample(round, 30)).interval;
      if (low <= truth && truth <= high) held += 1;
    }
    expect(held).toBeGreaterThan(935);
    expect(held).toBeLessThan(985);
  });
});
