import { describe, expect, it } from 'vitest';
import { Verdict } from '../../../src/domain/reports/verdict.js';
import type { ComparedPrompt } from '../../../src/engines/parity/compare-answers.js';
import { judge } from '../../../src/engines/parity/judge.js';
import type { ParityBounds } from '../../../src/engines/parity/judge.js';

const bounds: ParityBounds = { minAgreement: 0.98, maxMeanLogprobError: 0.05, maxP99LogprobError: 0.3, minTopKInclusion: 0.9, minPositions: 400, maxUnexplained: 0.15 };

const prompt = ({ positions = 32, diverges = false, error = 0.01, inclusion = 1, nonFinite = 0, gap }: Partial<{ positions: number; diverges: boolean; error: number; inclusion: number; nonFinite: number; gap: number }> = {}): ComparedPrompt => ({
  positions,
  agreed: positions - (diverges ? 1 : 0),
  of: 32,
  errors: Array<number>(positions).fill(error),
  inclusion: Array<number>(positions).fill(inclusion),
  nonFinite,
  gap,
});
const prompts = (count: number, ...others: ComparedPrompt[]): ComparedPrompt[] => [...Array.from({ length: count - others.length }, () => prompt()), ...others];
const same = (count: number): ComparedPrompt[] => Array.from({ length: count }, () => prompt({ error: 0 }));
const verdict = (pair: ComparedPrompt[], { noise = same(pair.length), asked = pair.length, limits = bounds } = {}): Verdict => Verdict.parse(judge({ asked, pair, noise, bounds: limits }));

describe('a verdict', () => {
  it('is pass when every interval lies inside its bound, with all numbers in its reasons', () => {
    expect(verdict(prompts(32))).toMatchInlineSnapshot(`
      {
        "reasons": [
          "agreement 100 % (95 % interval 99.6 % to 100 %), over 1024 positions; 32 of 32 answers identical: at least 98 % as required",
          "mean logprob error 0.01 (95 % interval 0.01 to 0.01): at most 0.05 as required",
          "positions with a logprob error over 0.3 0 % (95 % interval 0 % to 0.4 %), p99 0.01, largest 0.01: at most 1 % as required",
          "answers that leave the reference 0 % (95 % interval 0 % to 11.5 %): at most 15 % as required",
          "top-k inclusion 100 % (95 % interval 100 % to 100 %): at least 90 % as required",
          "noise floor, the reference asked twice: agreement 100 %, mean logprob error 0, p99 0, top-k inclusion 100 %",
        ],
        "value": "pass",
      }
    `);
  });

  it('is fail when one interval lies outside, and that reason comes first', () => {
    const { value, reasons } = verdict(prompts(32, ...Array.from({ length: 20 }, () => prompt({ positions: 8, diverges: true, gap: 0.02 }))));
    expect([value, reasons[0]]).toEqual(['fail', expect.stringMatching(/^agreement .* over 544 positions; 12 of 32 answers identical: must be at least 98 %$/)]);
    expect(reasons).toContain('of 20 divergences 20 are near ties, at which the reference finds both tokens within 0.1 nats');
  });

  it.each([
    ['the mean error', prompts(32).map(() => prompt({ error: 0.2 })), 'mean logprob error 0.2'],
    ['the largest errors', prompts(32).map((one, index) => ({ ...one, errors: one.errors.map((error, at) => (at < 2 + (index % 2) ? 0.35 : error)) })), 'positions with a logprob error over 0.3'],
    ['top-k inclusion', prompts(32).map(() => prompt({ inclusion: 0.6 })), 'top-k inclusion 60 %'],
  ])('is fail for %s alone', (_, pair, reason) => {
    const { value, reasons } = verdict(pair);
    expect([value, reasons[0]]).toEqual(['fail', expect.stringContaining(reason)]);
  });

  it('is inconclusive when an interval lies across its bound, and sure with more prompts', () => {
    const rate = (count: number): ComparedPrompt[] => Array.from({ length: count }, (_, index) => (index % 8 === 0 ? prompt({ positions: 16, diverges: true, gap: 0.05 }) : prompt()));
    const limits = { ...bounds, minAgreement: 0.9985 };
    expect(verdict(rate(16), { limits })).toMatchObject({ value: 'inconclusive', reasons: expect.arrayContaining([expect.stringContaining('the interval lies across the bound of at least 99.85 %; more prompts may tell')]) });
    expect(verdict(rate(400), { limits }).value).toBe('fail');
    expect(verdict(rate(400), { limits: { ...bounds, minAgreement: 0.99 } }).value).toBe('pass');
  });

  it.each([
    ['too few positions', { pair: prompts(12) }, '384 positions were compared: at least 400 are required'],
    ['too few prompts', { pair: Array.from({ length: 4 }, () => prompt({ positions: 500 })) }, '4 prompts were compared: at least 5'],
    ['unanswered prompts', { pair: prompts(32), asked: 34 }, '2 of 34 prompts were not answered by both sides'],
    ['prompts that the reference did not answer again', { pair: prompts(32), noise: same(31), asked: 32 }, '1 of 32 prompts'],
    ['values that are no finite numbers', { pair: prompts(32, prompt({ nonFinite: 2 })) }, '2 positions have no finite logprob'],
    ['nothing at all', { pair: [], asked: 32 }, '32 of 32 prompts were not answered'],
  ])('is inconclusive for %s, however good the rest is', (_, { pair, ...others }, reason) => {
    const { value, reasons } = verdict(pair, others);
    expect([value, reasons]).toEqual(['inconclusive', expect.arrayContaining([expect.stringContaining(reason)])]);
  });

  it.each([
    ['half of the answers, lost at their first token beside long ones', [...Array.from({ length: 16 }, () => prompt({ positions: 1, diverges: true, gap: 3 })), ...Array.from({ length: 16 }, () => prompt({ positions: 1024 }))]],
    ['two of 32 answers, lost at their first token', prompts(32, ...Array.from({ length: 2 }, () => prompt({ positions: 1, diverges: true, gap: 3 })))],
    ['every answer, lost half-way', Array.from({ length: 64 }, () => prompt({ positions: 129, diverges: true, gap: 3 }))],
    ['answers that leave where the reference does not say how near it was', prompts(32, ...Array.from({ length: 4 }, () => prompt({ positions: 20, diverges: true })))],
  ])('never passes a candidate that lost %s, however few positions that are', (_, pair) => {
    const { value, reasons } = verdict(pair, { noise: pair.map((one) => prompt({ positions: one.positions, error: 0 })) });
    expect(value).not.toBe('pass');
    expect(reasons.join()).toMatch(/answers that leave the reference \d/);
  });

  it('stays fail when beside a clear failure something is unclear', () => {
    const { value, reasons } = verdict(prompts(32).map(() => prompt({ error: 0.2 })), { asked: 33 });
    expect(value).toBe('fail');
    expect(reasons[1]).toContain('1 of 33 prompts');
  });

  it('is inconclusive when the reference misses a bound against itself, also for a candidate that misses it', () => {
    const noisy = prompts(32).map(() => prompt({ error: 0.09 }));
    for (const pair of [prompts(32), prompts(32).map(() => prompt({ error: 0.2 }))]) {
      const { value, reasons } = verdict(pair, { noise: noisy });
      expect([value, reasons[0]]).toEqual(['inconclusive', expect.stringContaining('the reference against itself has 0.09, so the bound of at most 0.05 can\'t tell a candidate from noise')]);
    }
  });
});
