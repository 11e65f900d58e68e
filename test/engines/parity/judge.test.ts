import { describe, expect, it } from 'vitest';
import { Verdict } from '../../../src/domain/reports/verdict.js';
import type { ComparedPrompt } from '../../../src/engines/parity/compare-answers.js';
import { judge } from '../../../src/engines/parity/judge.js';
import type { ParityBounds } from '../../../src/engines/parity/judge.js';

const bounds: ParityBounds = { minAgreement: 0.98, maxMeanLogprobError: 0.05, maxP99LogprobError: 0.3, minTopKInclusion: 0.9, minPositions: 400, minPrompts: 30, maxUnexplained: 0.05 };

let documents = 1000;
/** Of a document of its own, unless `of` says which. */
const prompt = ({ positions = 64, diverges = false, error = 0.01, inclusion = 1, nonFinite = 0, gap, of, early = false }: Partial<{ positions: number; diverges: boolean; error: number; inclusion: number; nonFinite: number; gap: number; of: number; early: boolean }> = {}): ComparedPrompt => ({
  document: of ?? (documents += 1),
  positions,
  agreed: positions - (diverges ? 1 : 0),
  of: Math.max(64, positions),
  errors: Array<number>(positions).fill(error),
  inclusion: Array<number>(positions).fill(inclusion),
  nonFinite,
  gap,
  early,
});
const prompts = (count: number, ...others: ComparedPrompt[]): ComparedPrompt[] => [...Array.from({ length: count - others.length }, () => prompt()), ...others];
const same = (count: number): ComparedPrompt[] => Array.from({ length: count }, () => prompt({ error: 0 }));
const verdict = (pair: ComparedPrompt[], { noise = same(pair.length), asked = pair.length, limits = bounds } = {}): Verdict => Verdict.parse(judge({ asked, pair, noise, bounds: limits }));

describe('a verdict', () => {
  it('is pass when every interval lies inside its bound, with all numbers in its reasons', () => {
    expect(verdict(prompts(32))).toMatchInlineSnapshot(`
      {
        "reasons": [
          "agreement 100 % (95 % interval 99.8 % to 100 %), over 2048 positions; 32 of 32 answers identical: at least 98 % as required",
          "answers that leave the reference by more than a near tie (0.6) 0 % (95 % interval 0 % to 11.5 %), 0 of 32: at most 5 %, its interval at most 15 % as required",
          "mean logprob error 0.01 (95 % interval 0.01 to 0.01): at most 0.05 as required",
          "positions with a logprob error over 0.3 0 % (95 % interval 0 % to 0.46 %), p99 0.01, largest 0.01: at most 1 % as required",
          "top-k inclusion 100 % (95 % interval 100 % to 100 %): at least 90 % as required",
          "noise floor, the reference asked twice: agreement 100 %, mean logprob error 0, p99 0, top-k inclusion 100 %",
        ],
        "value": "pass",
      }
    `);
  });

  it('is fail when one interval lies outside, and that reason comes first', () => {
    const { value, reasons } = verdict(prompts(32, ...Array.from({ length: 28 }, () => prompt({ positions: 8, diverges: true, gap: 0.02 }))));
    expect([value, reasons[0]]).toEqual(['fail', expect.stringMatching(/^agreement .* over 480 positions; 4 of 32 answers identical: must be at least 98 %$/)]);
    expect(reasons).toContain('of 28 divergences 28 are near ties, at which the reference finds both tokens within 0.6 nats');
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
    expect(verdict(rate(32), { limits })).toMatchObject({ value: 'inconclusive', reasons: [expect.stringContaining('the interval lies across the bound of at least 99.85 %; more prompts may tell'), ...Array<unknown>(6).fill(expect.anything())] });
    expect(verdict(rate(400), { limits }).value).toBe('fail');
    expect(verdict(rate(400), { limits: { ...bounds, minAgreement: 0.99 } }).value).toBe('pass');
  });

  it.each([
    ['too few positions', { pair: prompts(32).map(() => prompt({ positions: 12 })) }, '384 positions were compared: at least 400 are required'],
    ['too few prompts', { pair: Array.from({ length: 5 }, () => prompt({ positions: 160 })) }, 'prompts of 5 documents were compared: at least 30 are required'],
    ['too few documents', { pair: Array.from({ length: 64 }, (_, index) => prompt({ of: index % 8 })) }, 'prompts of 8 documents were compared: at least 30 are required'],
    ['answers that end early on both sides', { pair: prompts(32, prompt({ positions: 20, early: true })) }, '1 of 32 answers end earlier than asked'],
    ['a reference that ends early the second time', { pair: prompts(32), noise: [...same(31), prompt({ early: true })] }, '1 of 32 answers end earlier than asked'],
    ['unanswered prompts', { pair: prompts(32), asked: 34 }, '2 of 34 prompts were not answered by both sides'],
    ['prompts that the reference did not answer again', { pair: prompts(32), noise: same(31), asked: 32 }, '1 of 32 prompts'],
    ['values that are no finite numbers', { pair: prompts(32, prompt({ nonFinite: 2 })) }, '2 positions have no finite logprob'],
    ['nothing at all', { pair: [], asked: 32 }, '32 of 32 prompts were not answered'],
  ])('is inconclusive for %s, however good the rest is', (_, { pair, ...others }, reason) => {
    const { value, reasons } = verdict(pair, others);
    expect([value, reasons]).toEqual(['inconclusive', expect.arrayContaining([expect.stringContaining(reason)])]);
  });

  // What is garbage is seldom among the top k, so the gap is not known; or it is large.
  const lost = (count: number, positions: number, gap?: number): ComparedPrompt[] => Array.from({ length: count }, () => prompt({ positions, diverges: true, ...(gap !== undefined && { gap }) }));
  const kept = (count: number, positions: number): ComparedPrompt[] => Array.from({ length: count }, () => prompt({ positions }));
  it.each([
    ['half of the answers from their first token, beside long ones', 'fail', [...lost(16, 1), ...kept(16, 1024)]],
    ['the same, as another token of the top k', 'fail', [...lost(16, 1, 3), ...kept(16, 1024)]],
    ['two of 32', 'inconclusive', [...lost(2, 1), ...kept(30, 32)]],
    ['two of 32, with long answers beside them', 'inconclusive', [...lost(2, 1), ...kept(30, 1024)]],
    ['each answer from its middle on', 'fail', lost(32, 129)],
    ['one prompt in sixteen of very many', 'inconclusive', [...lost(24, 1), ...kept(360, 64)]],
    ['one prompt in eight of very many', 'fail', [...lost(60, 1), ...kept(420, 64)]],
  ] as const)('does not pass a candidate that loses %s: it is %s', (_, expected, pair) => {
    const { value, reasons } = verdict([...pair], { noise: pair.map(({ positions }) => prompt({ positions, error: 0 })) });
    expect([value, reasons.slice(0, 5).join('\n')]).toEqual([expected, expect.stringContaining('answers that leave the reference')]);
  });

  it('is pass with one lost answer among enough, or none among thirty, and other parts of a document make it no surer', () => {
    expect(verdict([...lost(1, 8), ...kept(63, 64)]).value).toBe('pass');
    expect(verdict([...lost(1, 8), ...kept(31, 64)]).value).toBe('inconclusive');
    expect(verdict(kept(30, 64)).value).toBe('pass');
    const limits = { ...bounds, minPrompts: 15 };
    const { value, reasons } = verdict(Array.from({ length: 64 }, (_, index) => prompt({ of: index % 16 })), { limits });
    expect([value, reasons[0]]).toEqual(['inconclusive', expect.stringContaining('answers that leave the reference by more than a near tie (0.6) 0 % (95 % interval 0 % to 22.11 %)')]);
  });

  it('does not pass on the logprobs of few positions, of which one may be far off in a hundred', () => {
    const { value, reasons } = verdict(kept(32, 16));
    expect([value, reasons[0]]).toEqual(['inconclusive', expect.stringContaining('positions with a logprob error over 0.3 0 %')]);
    // Exceptions in one prompt of a document count as of one cluster.
    expect(verdict(kept(5, 160), { limits: { ...bounds, minPrompts: 5 } }).value).toBe('inconclusive');
  });

  it('is inconclusive for bit-equal answers of two artifacts by one name, and only for these', () => {
    const judged = (pair: ComparedPrompt[], oneNameForTwo: boolean): Verdict => judge({ asked: 32, pair, noise: same(32), bounds, oneNameForTwo });
    expect(judged(same(32), true)).toMatchObject({ value: 'inconclusive', reasons: expect.arrayContaining([expect.stringMatching(/^bit-equal answers .* is the candidate the converted model\?$/)]) });
    expect([judged(same(32), false).value, judged(prompts(32), true).value]).toEqual(['pass', 'pass']);
  });

  it('has no share beyond 100 %, whatever the interval of its mean', () => {
    const { reasons } = verdict(prompts(32, prompt({ inclusion: 0.2 })));
    expect(reasons.join('\n')).toMatch(/top-k inclusion 97.5 % \(95 % interval 9\d\.\d+ % to 100 %\)/);
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
