import * as z from 'zod';
import { parseLoosely } from '../../domain/loose-json.js';
import { oneLine } from '../../domain/text.js';
import { requestText } from './http-json.js';
import { ServingError } from './serving-error.js';

export interface TokenLogprob {
  token: number;
  /** In nats; vLLM clamps minus infinity to -9999. */
  logprob: number;
}

/** What a server generated, by position. */
export interface Answer {
  tokens: number[];
  /** Of the chosen tokens, in nats; NaN where the server gave none, or one that is no finite number. */
  logprobs: number[];
  /** The k most probable tokens, the most probable first; equal ones by their ids. */
  top: TokenLogprob[][];
}

export interface ServedModel {
  /** The name to ask for. */
  id: string;
  /** Prompt and answer together, where the server says it. */
  maxTokens: number | undefined;
}

export interface CompletionRequest {
  model: string;
  prompt: readonly number[];
  maxTokens: number;
  topK: number;
}

/** A model server that speaks the OpenAI HTTP API with vLLM's extensions for token ids. Every method throws ServingError. */
export interface OpenAiClient {
  /** Resolves when the server says that it is up, or has no /health. Whether its model answers only an answer shows (vllm-ascend#11892). */
  health(): Promise<void>;
  /** The first model that is served. */
  model(): Promise<ServedModel>;
  /** Greedy: temperature 0, and no end at the end-of-text token, so that each answer has the same length. */
  complete(request: CompletionRequest): Promise<Answer>;
  /** The token ids of a text as the model would be given it, special tokens included (vLLM's /tokenize). */
  tokenize(model: string, text: string): Promise<number[]>;
}

const TokenId = z.number().int().nonnegative();
const Models = z.object({ data: z.array(z.object({ id: z.string().min(1).max(4096), max_model_len: z.number().int().positive().nullish() })).min(1) });
const Tokens = z.object({ tokens: z.array(TokenId) });
const Completion = z.object({
  choices: z
    .array(
      z.object({
        logprobs: z.object({
          tokens: z.array(z.string()),
          token_logprobs: z.array(z.number().nullable()),
          top_logprobs: z.array(z.record(z.string(), z.number().nullable()).nullable()),
        }),
      }),
    )
    .length(1),
});

/** vLLM writes minus infinity as this. */
const CLAMPED = -9999;

/** The root of a server's addresses: with /v1 at its end it means the same. */
export const serverRoot = (url: string): string => url.replace(/\/+$/, '').replace(/\/v1$/, '');

/**
 * @param options.url the server's root, such as http://127.0.0.1:8000; with /v1 at its end it means the same
 * @param options.deadlineMs for each request
 */
export function openAiClient({ url, deadlineMs, signal }: { url: string; deadlineMs: number; signal: AbortSignal }): OpenAiClient {
  const root = serverRoot(url);
  const ask = async <T>(form: z.ZodType<T>, path: string, body?: unknown): Promise<T> => {
    const text = await requestText({ method: body === undefined ? 'GET' : 'POST', url: root + path, body, deadlineMs, signal });
    return parse(form, text, root + path);
  };
  return {
    async health() {
      try {
        await requestText({ method: 'GET', url: `${root}/health`, deadlineMs, signal });
      } catch (error) {
        // OpenAI's API has no such address; vLLM's servers do.
        if (!(error instanceof ServingError && error.status === 404)) throw error;
      }
    },
    async model() {
      const { data } = await ask(Models, '/v1/models');
      const [first] = data as [(typeof data)[number]];
      return { id: first.id, maxTokens: first.max_model_len ?? undefined };
    },
    async tokenize(model, prompt) {
      return (await ask(Tokens, '/tokenize', { model, prompt })).tokens;
    },
    async complete({ model, prompt, maxTokens, topK }) {
      const path = '/v1/completions';
      const body = { model, prompt, max_tokens: maxTokens, temperature: 0, logprobs: topK, return_tokens_as_token_ids: true, ignore_eos: true };
      const { choices } = await ask(Completion, path, body);
      const [{ logprobs }] = choices as [(typeof choices)[number]];
      return answerOf(logprobs, { maxTokens, topK, where: root + path });
    },
  };
}

type Logprobs = z.infer<typeof Completion>['choices'][number]['logprobs'];

function answerOf({ tokens, token_logprobs: chosen, top_logprobs: top }: Logprobs, { maxTokens, topK, where }: { maxTokens: number; topK: number; where: string }): Answer {
  if (tokens.length !== chosen.length || tokens.length !== top.length || tokens.length > maxTokens || tokens.length === 0) {
    throw new ServingError('malformed', `${where} answered ${tokens.length} tokens with ${chosen.length} logprobs and ${top.length} lists of the most probable, where at most ${maxTokens} of each were asked for`);
  }
  const id = (text: string): number => {
    const digits = /^token_id:(\d{1,10})$/.exec(text)?.[1];
    if (digits === undefined) throw new ServingError('malformed', `${where} answered the token ${JSON.stringify(oneLine(text, 40))} as a text: it does not know return_tokens_as_token_ids, and texts can't be compared`);
    return Number(digits);
  };
  return {
    tokens: tokens.map(id),
    logprobs: chosen.map((logprob) => (logprob === null || logprob <= CLAMPED ? Number.NaN : logprob)),
    // vLLM gives one more where the chosen token is none of the k.
    top: top.map((entries) =>
      Object.entries(entries ?? {})
        .map(([text, logprob]) => ({ token: id(text), logprob: logprob ?? Number.NaN }))
        .filter(({ logprob }) => !Number.isNaN(logprob))
        .sort((a, b) => b.logprob - a.logprob || a.token - b.token)
        .slice(0, topK),
    ),
  };
}

function parse<T>(form: z.ZodType<T>, text: string, where: string): T {
  const value = parseLoosely(text);
  if (value === undefined) throw new ServingError('malformed', `${where} answered no JSON: ${oneLine(text, 120)}`);
  const parsed = form.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ServingError('malformed', `${where} answered in another form: ${issue === undefined ? 'unknown' : `${issue.path.join('.')}: ${issue.message}`}`);
}
