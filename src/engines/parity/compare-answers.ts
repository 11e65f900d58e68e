import type { Answer, TokenLogprob } from '../serving/openai-client.js';

/** Two answers to one prompt, over the positions at which both sides had the same context. */
export interface ComparedPrompt {
  /** The document that the prompt is a part of: prompts of one document are no independent ones. */
  document: number;
  /** Positions up to and including the first divergence. */
  positions: number;
  /** Of those, how many have the same token on both sides: all, or all but the last. */
  agreed: number;
  /** How many positions the reference has. */
  of: number;
  /** Absolute differences of the logprob that each side gives the reference's token, in nats. */
  errors: number[];
  /** By position, the share of the reference's top k tokens that are in the candidate's top k. */
  inclusion: number[];
  /** Positions at which a side gave no finite logprob for its own token: nothing is computed from them. */
  nonFinite: number;
  /**
   * At the divergence, how much less probable than its own token the reference found the candidate's, in nats: near 0 it
   * was a tie that rounding decides. Undefined without a divergence, and where the token is not among its top k.
   */
  gap: number | undefined;
  /** A side's answer is shorter than asked, although the end of the text was to be ignored: it can't be compared whole. */
  early: boolean;
}

/** What two answers are to: how long they were to be, and the document that the prompt is from. */
export interface Question {
  document: number;
  maxTokens: number;
}

/**
 * Whether the candidate leaves the reference where that is no near tie: the reference finds the candidate's token less
 * probable than its own by more than `maxGap`, or not among its top k, or the candidate has no more to say. Not where the
 * reference is the one that ends.
 */
export function leaves({ agreed, positions, of, gap }: ComparedPrompt, maxGap: number): boolean {
  return agreed < positions && agreed < of && !(gap !== undefined && gap <= maxGap);
}

/**
 * Compares a candidate's answer with the reference's. After the first divergence nothing is compared, since the
 * contexts differ from there on. An answer that ends where the other goes on diverges at its end.
 */
export function compareAnswers(reference: Answer, candidate: Answer, { document, maxTokens }: Question): ComparedPrompt {
  const shorter = Math.min(reference.tokens.length, candidate.tokens.length);
  let agreed = 0;
  while (agreed < shorter && reference.tokens[agreed] === candidate.tokens[agreed]) agreed += 1;
  const diverges = agreed < Math.max(reference.tokens.length, candidate.tokens.length);
  const compared: ComparedPrompt = { document, positions: agreed + (diverges ? 1 : 0), agreed, of: reference.tokens.length, errors: [], inclusion: [], nonFinite: 0, gap: undefined, early: shorter < maxTokens };
  for (let at = 0; at < Math.min(compared.positions, shorter); at += 1) {
    const own = reference.logprobs[at] as number;
    if (!Number.isFinite(own) || !Number.isFinite(candidate.logprobs[at])) {
      compared.nonFinite += 1;
      continue;
    }
    const top = candidate.top[at] as TokenLogprob[];
    const token = reference.tokens[at] as number;
    compared.errors.push(errorOf(token, own, { chosen: candidate.tokens[at] as number, logprob: candidate.logprobs[at] as number, top }));
    const expected = reference.top[at] as TokenLogprob[];
    const held = expected.filter((one) => top.some((other) => other.token === one.token)).length;
    compared.inclusion.push(expected.length === 0 ? 0 : held / expected.length);
  }
  const theirs = diverges && agreed < shorter ? reference.top[agreed]?.find(({ token }) => token === candidate.tokens[agreed]) : undefined;
  const own = reference.logprobs[agreed];
  if (theirs !== undefined && own !== undefined && Number.isFinite(own)) compared.gap = own - theirs.logprob;
  return compared;
}

/**
 * Where the candidate does not say what it gives the token, it gives less than to the last of its top k: the error is at
 * least the distance to that one. To leave such positions out would leave out the worst.
 */
function errorOf(token: number, own: number, candidate: { chosen: number; logprob: number; top: readonly TokenLogprob[] }): number {
  if (candidate.chosen === token) return Math.abs(own - candidate.logprob);
  const told = candidate.top.find((one) => one.token === token);
  if (told !== undefined) return Math.abs(own - told.logprob);
  const last = candidate.top.at(-1);
  return last === undefined ? 0 : Math.max(0, own - last.logprob);
}
