// Answers one prompt: feeds it, then chooses token after token, and writes both down in OpenAI's form of completions.
import { argmax, logSoftmax, topK } from '../model/logprobs.js';
import type { LoadedModel } from '../model/load-model.js';
import { uniform } from '../model/random.js';
import { decode } from '../model/tokenizer.js';
import type { CompletionRequest } from './completion-request.js';

export interface Choice {
  text: string;
  index: number;
  logprobs: Logprobs | null;
  finish_reason: 'stop' | 'length';
}

interface Logprobs {
  tokens: string[];
  token_logprobs: (number | null)[];
  top_logprobs: (Record<string, number> | null)[];
  text_offset: number[];
}

/** What was known of a token when it came: undefined for the first of a prompt. */
interface Said {
  id: number;
  logprobs: Float64Array | undefined;
}

/** @param index of the prompt in its request; seeds sampling, too */
export function complete({ decoder, eos, bytes }: LoadedModel, request: CompletionRequest, index: number): { choice: Choice; generated: number } {
  const prompt = request.prompts[index]!;
  const said: Said[] = [];
  const keep = request.logprobs !== undefined;
  let next = new Float32Array(0);
  decoder.reset();
  said.push({ id: prompt[0]!, logprobs: undefined });
  decoder.extend(prompt, request.echo && keep ? 'all' : 'last', (logits, row) => {
    if (row === prompt.length - 1) next = logits.slice();
    else said.push({ id: prompt[row + 1]!, logprobs: logSoftmax(logits) });
  });
  if (!request.echo) said.length = 0;
  const ids: number[] = [];
  let finish: Choice['finish_reason'] = 'length';
  while (ids.length < request.maxTokens) {
    const id = choose(next, request, index, ids.length);
    if (keep) said.push({ id, logprobs: logSoftmax(next) });
    ids.push(id);
    if (!request.ignoreEos && eos.includes(id)) {
      finish = 'stop';
      break;
    }
    if (ids.length < request.maxTokens) decoder.extend([id], 'last', (logits) => void (next = logits.slice()));
  }
  const shown = request.echo ? [...prompt, ...ids] : ids;
  return {
    choice: { text: bytes ? decode(shown) : '', index, logprobs: keep ? logprobsOf(said, request) : null, finish_reason: finish },
    generated: ids.length,
  };
}

function choose(logits: Float32Array, { temperature, seed }: CompletionRequest, prompt: number, position: number): number {
  if (temperature === 0) return argmax(logits);
  const logprobs = logSoftmax(logits.map((logit) => logit / temperature));
  let left = uniform(seed, prompt, position);
  for (let id = 0; id < logprobs.length; id++) {
    left -= Math.exp(logprobs[id]!);
    if (left < 0) return id;
  }
  return argmax(logits);
}

function logprobsOf(said: readonly Said[], request: CompletionRequest): Logprobs {
  const name = request.tokensAsIds ? (id: number): string => `token_id:${id}` : tokenText;
  let characters = 0;
  return {
    tokens: said.map(({ id }) => name(id)),
    token_logprobs: said.map(({ id, logprobs }) => logprobs?.[id] ?? null),
    top_logprobs: said.map(({ id, logprobs }) => {
      if (logprobs === undefined) return null;
      // The token itself is always told, as OpenAI's server does: so there may be one more than asked for.
      const told = [...new Set([...topK(logprobs, request.logprobs ?? 0), id])];
      return Object.fromEntries(told.map((token) => [name(token), logprobs[token]!]));
    }),
    text_offset: said.map(({ id }) => {
      // The later bytes of a character stand where it began.
      if (id < 256 && (id & 0xc0) !== 0x80) characters += 1;
      return Math.max(0, characters - 1);
    }),
  };
}

/** A byte that is no character of its own is shown as OpenAI shows it. */
const tokenText = (id: number): string => (id < 0x80 ? String.fromCharCode(id) : id < 256 ? `bytes:\\x${id.toString(16)}` : id === 256 ? '<s>' : id === 257 ? '</s>' : `token_id:${id}`);
