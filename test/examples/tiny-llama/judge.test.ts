import { describe, expect, it } from 'vitest';
import { meanOf, shareOf, shareOfWindows } from '../../../examples/tiny-llama/src/assess/intervals.js';
import { judge, type Measured } from '../../../examples/tiny-llama/src/assess/judge.js';
import { assessParams } from '../../../examples/tiny-llama/src/assess/params.js';

describe('a 95 % interval', () => {
  it('of a share is Wilson\'s', () => {
    // 81 of 263: the worked example of Newcombe 1998, table I.
    const { interval } = shareOf(81, 263);
    expect([interval.low, interval.high].map((bound) => bound.toFixed(4))).toEqual(['0.2553', '0.3662']);
  });

  it('reaches 0 and 1 exactly where nothing, or all, was right', () => {
    expect(shareOf(0, 50)).toMatchObject({ value: 0, interval: { low: 0 } });
    expect(shareOf(50, 50)).toMatchObject({ value: 1, interval: { high: 1 } });
    expect(shareOf(0, 0).interval).toEqual({ low: 0, high: 1 });
  });

  it('of a share is wider where windows differ more than independent bytes would, never narrower', () => {
    const width = ({ interval: { low, high } }: ReturnType<typeof shareOf>): number => high - low;
    const independent = width(shareOf(320, 640));
    expect(width(shareOfWindows(Array<number>(10).fill(32), 64))).toBe(independent);
    expect(width(shareOfWindows([64, 0, 64, 0, 64, 0, 64, 0, 64, 0], 64))).toBeGreaterThan(4 * independent);
  });

  it('of a mean is the normal one, and without an end where one window is all there is', () => {
    const { value, interval } = meanOf([1, 2, 3, 4]);
    expect(value).toBe(2.5);
    expect(interval.high - value).toBeCloseTo(1.96 * Math.sqrt(5 / 12), 10);
    expect(meanOf([2]).interval).toEqual({ low: -Infinity, high: Infinity });
  });
});

describe('the verdict', () => {
  const losses = Array.from({ length: 100 }, (_, i) => 2.4 + (i % 2 === 0 ? 0.2 : -0.2));
  const measured: Measured = { heldOut: { window: 64, losses, correct: losses.map((_, i) => 22 + (i % 3)) }, cloze: { items: 100, solved: 90 } };
  const BAR = { maxHeldOutLoss: 2.6, minNextByteAccuracy: 0.3, minClozeAccuracy: 0.7 };
  const verdictAt = (bar: Partial<typeof BAR>, of = measured) => judge(of, assessParams({ bar: { ...BAR, ...bar } }));

  it.each([
    ['pass', {}, /^held-out loss 2\.400 nats a byte \(95 %: 2\.361 to 2\.439\); at most 2\.6$/],
    ['inconclusive', { maxHeldOutLoss: 2.42 }, /^held-out loss .*; at most 2\.42: too close to tell$/],
    ['inconclusive', { maxHeldOutLoss: 2.38 }, /^held-out loss .*; at most 2\.38: too close to tell$/],
    ['fail', { maxHeldOutLoss: 2.3 }, /^held-out loss .*; at most 2\.3$/],
    ['inconclusive', { minClozeAccuracy: 0.88 }, /^cloze right in 90\.0 % .*: too close to tell$/],
    ['fail', { minClozeAccuracy: 0.97 }, /^cloze right in 90\.0 % .*; at least 97\.0 %$/],
    ['fail', { minClozeAccuracy: 0.88, minNextByteAccuracy: 0.6 }, /^next byte right .*; at least 60\.0 %$/],
  ] as const)('is %s at %o, with the deciding bound first', (value, bar, reason) => {
    const verdict = verdictAt(bar);
    expect(verdict.value).toBe(value);
    expect(verdict.reasons).toHaveLength(3);
    expect(verdict.reasons[0]).toMatch(reason);
  });

  it('is never missed by a bound of 0, even where nothing was right', () => {
    const wrong: Measured = { heldOut: { ...measured.heldOut, correct: losses.map(() => 0) }, cloze: { items: 100, solved: 0 } };
    expect(verdictAt({ minNextByteAccuracy: 0, minClozeAccuracy: 0 }, wrong).value).toBe('pass');
  });

  it('fails a loss that is no number', () => {
    expect(verdictAt({}, { ...measured, heldOut: { ...measured.heldOut, losses: [...losses.slice(1), NaN] } }).value).toBe('fail');
  });
});
