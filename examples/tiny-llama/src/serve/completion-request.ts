// The body of POST /v1/completions, checked field by field. What is not understood is refused, never ignored in silence.
import { encode } from '../model/tokenizer.js';

/** Thrown with the HTTP status and the field that an OpenAI client expects to be told. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly status: number;
  readonly param: string | null;
  constructor(status: number, message: string, param: string | null = null) {
    super(message);
    this.status = status;
    this.param = param;
  }
}

export interface CompletionRequest {
  prompts: number[][];
  maxTokens: number;
  /** 0 takes the likeliest token. */
  temperature: number;
  seed: number;
  /** How many alternatives to show; undefined for no logprobs at all. */
  logprobs: number | undefined;
  tokensAsIds: boolean;
  echo: boolean;
  ignoreEos: boolean;
}

export interface Limits {
  model: string;
  vocab: number;
  /** Tokens of prompt and answer together. */
  capacity: number;
  /** Whether prompts may be text. */
  bytes: boolean;
}

const MAX_PROMPTS = 1024;
const MAX_LOGPROBS = 20;
/** Accepted because they ask for what happens anyway. */
const NEUTRAL: Readonly<Record<string, readonly unknown[]>> = { n: [1], best_of: [1], stream: [false], stop: [[]], suffix: [''], top_p: [1], top_k: [-1, 0], frequency_penalty: [0], presence_penalty: [0], repetition_penalty: [1], logit_bias: [], add_special_tokens: [true, false], skip_special_tokens: [true, false], min_tokens: [0], stream_options: [], user: [] };
const KNOWN = new Set(['model', 'prompt', 'max_tokens', 'temperature', 'seed', 'logprobs', 'return_tokens_as_token_ids', 'echo', 'ignore_eos']);

/** Throws RequestError. */
export function parseCompletion(body: unknown, limits: Limits): CompletionRequest {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new RequestError(400, 'the body is no JSON object');
  const fields = body as Readonly<Record<string, unknown>>;
  for (const [name, value] of Object.entries(fields)) {
    if (KNOWN.has(name) || value === null || name === 'user' || NEUTRAL[name]?.some((neutral) => JSON.stringify(neutral) === JSON.stringify(value))) continue;
    throw new RequestError(400, `${name}: this server does not support ${JSON.stringify(value)}`, name);
  }
  const number = (name: string, fallback: number, min: number, max: number, whole: boolean): number => {
    const value = fields[name] ?? fallback;
    if (typeof value !== 'number' || !(value >= min && value <= max) || (whole && !Number.isInteger(value))) throw new RequestError(400, `${name}: ${JSON.stringify(value)} is not ${whole ? 'a whole number' : 'a number'} from ${min} to ${max}`, name);
    return value;
  };
  const flag = (name: string): boolean => {
    const value = fields[name] ?? false;
    if (typeof value !== 'boolean') throw new RequestError(400, `${name}: ${JSON.stringify(value)} is neither true nor false`, name);
    return value;
  };
  if (fields['model'] !== undefined && fields['model'] !== null && fields['model'] !== limits.model) throw new RequestError(404, `the model ${JSON.stringify(fields['model'])} does not exist; this server has ${limits.model}`, 'model');
  const request: CompletionRequest = {
    prompts: promptsOf(fields['prompt'], limits),
    maxTokens: number('max_tokens', 16, 0, limits.capacity, true),
    temperature: number('temperature', 1, 0, 100, false),
    seed: number('seed', 0, -(2 ** 53), 2 ** 53, true),
    logprobs: fields['logprobs'] === undefined || fields['logprobs'] === null ? undefined : number('logprobs', 0, 0, MAX_LOGPROBS, true),
    tokensAsIds: flag('return_tokens_as_token_ids') || !limits.bytes,
    echo: flag('echo'),
    ignoreEos: flag('ignore_eos'),
  };
  if (request.maxTokens === 0 && !request.echo) throw new RequestError(400, 'max_tokens: 0 without echo asks for nothing', 'max_tokens');
  for (const prompt of request.prompts) {
    if (prompt.length + request.maxTokens > limits.capacity) {
      throw new RequestError(400, `This model's maximum context length is ${limits.capacity} tokens. However, you requested ${prompt.length + request.maxTokens} tokens (${prompt.length} in the prompt, ${request.maxTokens} in the completion).`, 'prompt');
    }
  }
  return request;
}

function promptsOf(prompt: unknown, { vocab, bytes }: Limits): number[][] {
  const refuse = (why: string): never => {
    throw new RequestError(400, `prompt: ${why}`, 'prompt');
  };
  const one = (value: unknown): number[] => {
    if (typeof value === 'string') {
      if (!bytes) refuse('this model has no byte-level tokenizer; send token ids');
      return value === '' ? refuse('an empty prompt gives no token to go on from') : encode(value);
    }
    if (!Array.isArray(value) || value.length === 0) return refuse('neither a text nor a list of token ids');
    for (const id of value) if (!Number.isInteger(id) || id < 0 || id >= vocab) refuse(`${JSON.stringify(id)} is no token id below ${vocab}`);
    return value as number[];
  };
  if (!Array.isArray(prompt) || typeof prompt[0] === 'number') return [one(prompt)];
  if (prompt.length === 0 || prompt.length > MAX_PROMPTS) refuse(`${prompt.length} prompts; 1 to ${MAX_PROMPTS} can be answered at once`);
  return prompt.map(one);
}
