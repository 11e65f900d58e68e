// What a byte-level language model can be asked on held-out text: how surprised it is, whether it guesses the next byte, and
// whether it tells by what it read what follows.
import type { Decoder } from '../model/decoder.js';
import { argmax, logSoftmax } from '../model/logprobs.js';
import { hash32 } from '../model/random.js';

/** One number a window of `window` tokens. */
export interface HeldOutScore {
  window: number;
  /** Means, in nats a token. */
  losses: number[];
  /** At how many tokens the likeliest one was the right one. */
  correct: number[];
}

/** Scores windows of `context` tokens, none overlapping another, spread evenly over the stream, `maxTokens` at most. */
export async function scoreHeldOut(decoder: Decoder, stream: Int32Array, { context, maxTokens }: { context: number; maxTokens: number }, onWindow: (done: number, of: number) => Promise<void>): Promise<HeldOutScore> {
  const available = Math.floor((stream.length - 1) / context);
  const windows = Math.min(available, Math.ceil(maxTokens / context));
  const score: HeldOutScore = { window: context, losses: [], correct: [] };
  for (let window = 0; window < windows; window++) {
    const start = Math.floor((window * available) / windows) * context;
    let loss = 0;
    let correct = 0;
    decoder.reset();
    decoder.extend([...stream.subarray(start, start + context)], 'all', (logits, row) => {
      const target = stream[start + row + 1]!;
      loss -= logSoftmax(logits)[target]!;
      if (argmax(logits) === target) correct += 1;
    });
    score.losses.push(loss / context);
    score.correct.push(correct);
    await onWindow(window + 1, windows);
  }
  return score;
}

export interface ClozeItem {
  context: number[];
  /** What follows the context. */
  real: number[];
  /** What is read in another place of the split, as long as the context. */
  other: number[];
}

/** A share of the window for what is read; the rest follows. */
const READ_SHARE = 5 / 8;

/** Items from places spread evenly over the held-out documents; where both contexts are equal there is no item. */
export function clozeItems(documents: readonly Uint8Array[], { count, context, seed }: { count: number; context: number; seed: number }): ClozeItem[] {
  const read = Math.floor(context * READ_SHARE);
  const long = documents.filter(({ length }) => length >= 2 * context);
  const items: ClozeItem[] = [];
  for (let index = 0; index < count && long.length > 0; index++) {
    const own = long[index % long.length]!;
    // Another document where there is one, else another place of the same.
    const foreign = long[(index + 1 + (hash32(seed, index, 1) % Math.max(1, long.length - 1))) % long.length]!;
    const start = hash32(seed, index, 2) % (own.length - context + 1);
    const elsewhere = hash32(seed, index, 3) % (foreign.length - read + 1);
    const item = { context: [...own.subarray(start, start + read)], real: [...own.subarray(start + read, start + context)], other: [...foreign.subarray(elsewhere, elsewhere + read)] };
    if (item.other.join() !== item.context.join()) items.push(item);
  }
  return items;
}

/**
 * Whether the continuation is likelier after its own context than after the other. The same bytes are scored both times, so that
 * one text being plainer than another decides nothing: a model that takes no notice of what it read is right in half.
 */
export function solves(decoder: Decoder, { context, real, other }: ClozeItem): boolean {
  const scoreAfter = (read: readonly number[]): number => {
    let sum = 0;
    const ids = [...read, ...real];
    decoder.reset();
    decoder.extend(ids, 'all', (logits, row) => {
      if (row >= read.length - 1 && row < ids.length - 1) sum += logSoftmax(logits)[ids[row + 1]!]!;
    });
    return sum;
  };
  return scoreAfter(context) > scoreAfter(other);
}
