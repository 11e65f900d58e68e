// What a byte-level language model can be asked on held-out text: how surprised it is, whether it guesses the next byte, and
// whether it finds what really follows likelier than what does not.
import type { Decoder } from '../model/decoder.js';
import { argmax, logSoftmax } from '../model/logprobs.js';
import { hash32 } from '../model/random.js';

export interface HeldOutScore {
  tokens: number;
  /** Mean, in nats a token. */
  loss: number;
  /** How often the likeliest token was the right one. */
  correct: number;
}

/** Scores windows of `context` tokens, none overlapping another, spread evenly over the stream, `maxTokens` at most. */
export function scoreHeldOut(decoder: Decoder, stream: Int32Array, { context, maxTokens }: { context: number; maxTokens: number }, onWindow: (done: number, of: number) => void): HeldOutScore {
  const available = Math.floor((stream.length - 1) / context);
  const windows = Math.min(available, Math.ceil(maxTokens / context));
  let loss = 0;
  let correct = 0;
  for (let window = 0; window < windows; window++) {
    const start = Math.floor((window * available) / windows) * context;
    decoder.reset();
    decoder.extend([...stream.subarray(start, start + context)], 'all', (logits, row) => {
      const target = stream[start + row + 1]!;
      loss -= logSoftmax(logits)[target]!;
      if (argmax(logits) === target) correct += 1;
    });
    onWindow(window + 1, windows);
  }
  const tokens = windows * context;
  return { tokens, loss: tokens === 0 ? NaN : loss / tokens, correct };
}

export interface ClozeItem {
  context: number[];
  real: number[];
  /** The same bytes in another order. */
  shuffled: number[];
  /** What stands in another place of the split. */
  other: number[];
}

/** A share of the window for what is read; the rest is to be told apart. */
const READ_SHARE = 5 / 8;

/** Items from places spread evenly over the held-out documents; a continuation that equals the real one is no item. */
export function clozeItems(documents: readonly Uint8Array[], { count, context, seed }: { count: number; context: number; seed: number }): ClozeItem[] {
  const read = Math.floor(context * READ_SHARE);
  const tail = context - read;
  const long = documents.filter(({ length }) => length >= 2 * context);
  const items: ClozeItem[] = [];
  for (let index = 0; index < count && long.length > 0; index++) {
    const own = long[index % long.length]!;
    // Another document where there is one, else another place of the same.
    const foreign = long[(index + 1 + (hash32(seed, index, 1) % Math.max(1, long.length - 1))) % long.length]!;
    const start = hash32(seed, index, 2) % (own.length - context + 1);
    const elsewhere = hash32(seed, index, 3) % (foreign.length - tail + 1);
    const real = [...own.subarray(start + read, start + context)];
    const item = { context: [...own.subarray(start, start + read)], real, shuffled: shuffle(real, hash32(seed, index, 4)), other: [...foreign.subarray(elsewhere, elsewhere + tail)] };
    if (item.shuffled.join() !== real.join() && item.other.join() !== real.join()) items.push(item);
  }
  return items;
}

function shuffle(values: readonly number[], seed: number): number[] {
  const result = [...values];
  for (let i = result.length - 1; i > 0; i--) {
    const j = hash32(seed, i) % (i + 1);
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}

/** Whether the real continuation scores higher than each of the false ones. */
export function solves(decoder: Decoder, { context, real, shuffled, other }: ClozeItem): { shuffled: boolean; other: boolean } {
  const score = (continuation: readonly number[]): number => {
    let sum = 0;
    const ids = [...context, ...continuation];
    decoder.reset();
    decoder.extend(ids, 'all', (logits, row) => {
      if (row >= context.length - 1 && row < ids.length - 1) sum += logSoftmax(logits)[ids[row + 1]!]!;
    });
    return sum;
  };
  const own = score(real);
  return { shuffled: own > score(shuffled), other: own > score(other) };
}
