import { describe, expect, it } from 'vitest';
import { compareAnswers as compareTo, leaves } from '../../../src/engines/parity/compare-answers.js';
import type { ComparedPrompt, Question } from '../../../src/engines/parity/compare-answers.js';
import { summarise as summariseTo } from '../../../src/engines/parity/summarise.js';
import type { Answer } from '../../../src/engines/serving/openai-client.js';

/** By position: the chosen token first, with the most probable ones. */
function answer(...positions: Record<number, number>[]): Answer {
  const top = positions.map((position) => Object.entries(position).map(([token, logprob]) => ({ token: Number(token), logprob })).sort((a, b) => b.logprob - a.logprob));
  return { tokens: top.map((entries) => entries[0]?.token ?? 0), logprobs: top.map((entries) => entries[0]?.logprob ?? Number.NaN), top };
}

const compareAnswers = (reference: Answer, candidate: Answer, { document = 0, maxTokens = reference.tokens.length }: Partial<Question> = {}): ComparedPrompt => compareTo(reference, candidate, { document, maxTokens });
const summarise = (prompts: ComparedPrompt[]): ReturnType<typeof summariseTo> => summariseTo(prompts, 0.5);

const rounded = (values: number[]): number[] => values.map((value) => Number(value.toFixed(6)));

describe('two answers', () => {
  it('that are the same agree everywhere', () => {
    const one = answer({ 1: -0.1, 2: -3 }, { 5: -0.2, 6: -2 });
    expect(compareAnswers(one, one)).toEqual({ document: 0, positions: 2, agreed: 2, of: 2, errors: [0, 0], inclusion: [1, 1], nonFinite: 0, gap: undefined, early: false });
  });

  it('are compared up to and including their first divergence, and not after it', () => {
    const one = answer({ 1: -0.1, 2: -3 }, { 5: -0.6, 6: -0.8 }, { 7: -0.1, 8: -4 });
    const other = answer({ 1: -0.3, 2: -2 }, { 6: -0.5, 5: -1 }, { 7: -0.1, 8: -4 });
    const compared = compareAnswers(one, other);
    expect({ ...compared, errors: rounded(compared.errors), gap: rounded([compared.gap ?? 9]) }).toEqual({ document: 0, positions: 2, agreed: 1, of: 3, errors: [0.2, 0.4], inclusion: [1, 1], nonFinite: 0, gap: [0.2], early: false });
  });

  it('differ by at least the distance to the last of the top k where the reference\'s token is not in it', () => {
    const compared = compareAnswers(answer({ 1: -0.1, 2: -3 }), answer({ 8: -0.7, 9: -2.1 }));
    expect([rounded(compared.errors), compared.inclusion, compared.gap]).toEqual([[2], [0], undefined]);
    // The reference's token is less probable than the candidate's last: nothing is known, and nothing is claimed.
    expect(compareAnswers(answer({ 1: -5 }), answer({ 8: -0.7, 9: -2.1 })).errors).toEqual([0]);
  });

  it('of different lengths diverge where one ends', () => {
    const long = answer({ 1: -0.1 }, { 5: -0.2 });
    expect(compareAnswers(long, answer({ 1: -0.1 }))).toMatchObject({ positions: 2, agreed: 1, errors: [0] });
    expect(compareAnswers(answer({ 1: -0.1 }), long)).toMatchObject({ positions: 2, agreed: 1, errors: [0] });
  });

  it('are early where one is shorter than asked, also where both are and agree', () => {
    const [long, short] = [answer({ 1: -0.1 }, { 5: -0.2 }), answer({ 1: -0.1 })];
    const early = (one: Answer, other: Answer): boolean => compareAnswers(one, other, { maxTokens: 2 }).early;
    expect([early(long, long), early(long, short), early(short, long), early(short, short)]).toEqual([false, true, true, true]);
  });

  it('leave each other at a divergence that is no near tie, that is not known to be one, or where the candidate ends; not where the reference does', () => {
    const reference = answer({ 1: -0.1, 2: -3 }, { 5: -0.6, 6: -0.8 }, { 7: -0.1, 8: -4 });
    const chosen = (...tokens: number[]): Answer => answer(...tokens.map((token) => ({ [token]: -0.1 })));
    const left = (candidate: Answer, one = reference): boolean => leaves(compareAnswers(one, candidate, { maxTokens: 3 }), 0.5);
    expect([left(reference), left(chosen(1, 6, 7)), left(chosen(2, 5, 7)), left(chosen(9, 5, 7)), left(chosen(1, 5))]).toEqual([false, false, true, true, true]);
    expect(left(chosen(1, 5, 7), chosen(1, 5))).toBe(false);
  });

  it('have no error where a logprob is no finite number, and it is counted', () => {
    const broken = { ...answer({ 1: -0.1, 2: -3 }, { 5: -0.2 }), logprobs: [Number.NaN, -0.2] };
    for (const compared of [compareAnswers(answer({ 1: -0.1, 2: -3 }, { 5: -0.2 }), broken), compareAnswers(broken, answer({ 1: -0.1, 2: -3 }, { 5: -0.2 }))]) {
      expect(compared).toMatchObject({ positions: 2, agreed: 2, errors: [0], nonFinite: 1 });
    }
  });
});

describe('a summary', () => {
  it('counts positions, not prompts, and tells where divergences are', () => {
    const base = answer({ 1: -1 }, { 2: -1 }, { 3: -1 }, { 4: -1 });
    const at = (position: number): Answer => answer(...base.tokens.map((token, index) => ({ [index === position ? 60 : token]: -1 })));
    const summary = summarise([compareAnswers(base, base), compareAnswers(base, at(0)), compareAnswers(base, at(3))]);
    expect(summary).toMatchObject({ prompts: 3, documents: 1, positions: 9, agreement: 7 / 9, identical: 1, leaving: 2, firstDivergence: { min: 0, median: 1.5 } });
  });

  it('has quantiles that are values of the sample', () => {
    const errors = Array.from({ length: 200 }, (_, index) => (index + 1) / 100);
    const { logprobError } = summarise([{ document: 0, positions: 200, agreed: 200, of: 200, errors, inclusion: [], nonFinite: 0, gap: undefined, early: false }]);
    expect(logprobError).toEqual({ mean: expect.closeTo(1.005, 9), p50: 1, p99: 1.98, max: 2 });
  });

  it('of nothing is zeros', () => {
    expect(summarise([])).toEqual({ prompts: 0, documents: 0, positions: 0, agreement: 0, agreementInterval: [0, 1], identical: 0, leaving: 0, logprobError: { mean: 0, p50: 0, p99: 0, max: 0 }, topKInclusion: 0 });
  });
});
