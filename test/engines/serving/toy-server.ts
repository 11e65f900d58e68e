// A model server for tests: real HTTP, the form of vLLM's OpenAI API, and a toy model whose next token depends on the
// whole context. It is faithful to vLLM in what the client reads: `token_id:` names, k or k+1 top logprobs, null for what
// is no finite number, /tokenize with a first special token.
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const VOCABULARY = 64;
/** Prompts may hold any byte. */
export const BOS = 1;

/** Logits by token in a context; `layer` 0 and 1 are summed, as a model's residual stream sums its layers. */
export type Distortion = (logits: { layers: readonly [Float64Array, Float64Array]; context: number; request: number }) => Float64Array;

const mix = (value: number): number => {
  let hash = Math.imul(value ^ (value >>> 16), 0x45d9f3b);
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  return (hash ^ (hash >>> 16)) >>> 0;
};
/** A number between 0 and 1 from numbers. */
export const chance = (...values: number[]): number => values.reduce((hash, value) => mix(hash ^ mix(value + 0x9e3779b9)), 7) / 2 ** 32;
/** About normal: a sum of four numbers from a stream (a linear congruential generator is chance enough for a toy). */
function normals(seed: number, count: number): Float64Array {
  let state = mix(seed);
  const next = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  return Float64Array.from({ length: count }, () => (next() + next() + next() + next() - 2) * Math.sqrt(3));
}

const added = ([a, b]: readonly [Float64Array, Float64Array]): Float64Array => a.map((value, token) => value + (b[token] ?? 0));

export const distortions = {
  none: ({ layers }) => added(layers),
  /** As by another order of additions: differs from request to request. */
  jitter: ({ layers, context, request }) => added([added(layers), normals(context ^ mix(request), VOCABULARY).map((value) => 0.002 * value)]),
  /** As by bfloat16: eight significant bits. */
  rounding: ({ layers }) =>
    added(layers).map((value) => {
      const unit = 2 ** (Math.floor(Math.log2(Math.abs(value) + 1e-9)) - 7);
      return Math.round(value / unit) * unit;
    }),
  /** One layer's scale is lost: what a wrong conversion does. */
  scaledLayer: ({ layers: [a, b] }) => added([a, b.map((value) => 1.5 * value)]),
  /** The best two tokens change places, seldom. */
  rareFlips: ({ layers, context }) => {
    const logits = added(layers);
    if (chance(context, 99) > 0.03) return logits;
    const [first, second] = [...logits.keys()].sort((x, y) => (logits[y] as number) - (logits[x] as number)) as [number, number];
    [logits[first], logits[second]] = [logits[second] as number, logits[first] as number];
    return logits;
  },
} satisfies Record<string, Distortion>;

function logprobsAfter(tokens: readonly number[], request: number, distort: Distortion): Float64Array {
  const context = mix(tokens.reduce((hash, token) => Math.imul(hash, 257) + token + 1, 3));
  const layer = (index: number): Float64Array => normals(context + index, VOCABULARY).map((value) => 2 * value);
  const logits = distort({ layers: [layer(10), layer(11)], context, request });
  const largest = Math.max(...logits);
  const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0)) + largest;
  return logits.map((logit) => logit - total);
}

interface CompletionBody {
  prompt: number[];
  max_tokens: number;
  logprobs: number;
  return_tokens_as_token_ids: boolean;
}

export interface Toy {
  url: string;
  /** Bodies of the completions that were asked for. */
  asked: CompletionBody[];
  close(): Promise<void>;
}

export interface ToyOptions {
  distort?: Distortion;
  model?: string;
  maxModelLen?: number;
  /** Takes an answer over; true where it has. `request` counts the completions from 0. */
  instead?: (response: ServerResponse, about: { path: string; request: number; toy: Toy; incoming: IncomingMessage }) => boolean;
  tokenize?: (text: string) => number[];
  /** The requests that are answered with one token, as by a server that does not know ignore_eos. */
  shorten?: (request: number) => boolean;
}

export async function toyServer({ distort = distortions.none, model = '/models/toy', maxModelLen = 4096, instead = () => false, tokenize = (text) => [BOS, ...Buffer.from(text)], shorten = () => false }: ToyOptions = {}): Promise<Toy> {
  const json = (response: ServerResponse, value: unknown): void => void response.setHeader('content-type', 'application/json').end(JSON.stringify(value));
  const server = createServer((incoming, response) => {
    let text = '';
    incoming.on('data', (chunk: Buffer) => (text += chunk.toString()));
    incoming.on('end', () => {
      const path = incoming.url ?? '';
      const body = text === '' ? {} : (JSON.parse(text) as unknown);
      const request = toy.asked.length;
      if (path === '/v1/completions') toy.asked.push(body as CompletionBody);
      if (instead(response, { path, request, toy, incoming })) return;
      if (path === '/health') response.end();
      else if (path === '/v1/models') json(response, { object: 'list', data: [{ id: model, object: 'model', max_model_len: maxModelLen }] });
      else if (path === '/tokenize') json(response, { count: 1, max_model_len: maxModelLen, tokens: tokenize((body as { prompt: string }).prompt) });
      else if (path === '/v1/completions') setTimeout(() => json(response, complete(shorten(request) ? { ...(body as CompletionBody), max_tokens: 1 } : (body as CompletionBody), request, distort)), 1);
      else response.writeHead(404).end('{"detail":"Not Found"}');
    });
  });
  const toy: Toy = {
    url: '',
    asked: [],
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  toy.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return toy;
}

/** What vLLM's server answers. */
function complete({ prompt, max_tokens: length, logprobs: k }: CompletionBody, request: number, distort: Distortion): unknown {
  const tokens: number[] = [];
  const chosen: (number | null)[] = [];
  const top: Record<string, number | null>[] = [];
  for (let at = 0; at < length; at += 1) {
    const logprobs = logprobsAfter([...prompt, ...tokens], request, distort);
    const ranked = [...logprobs.keys()].sort((a, b) => (logprobs[b] as number) - (logprobs[a] as number));
    const token = ranked[0] as number;
    tokens.push(token);
    chosen.push(logprobs[token] as number);
    top.push(Object.fromEntries(ranked.slice(0, k).map((id) => [`token_id:${id}`, logprobs[id] as number])));
  }
  return {
    id: 'cmpl-1',
    object: 'text_completion',
    created: 1,
    model: 'toy',
    choices: [{ index: 0, text: '', finish_reason: 'length', logprobs: { text_offset: tokens.map(() => 0), tokens: tokens.map((id) => `token_id:${id}`), token_logprobs: chosen, top_logprobs: top } }],
  };
}
