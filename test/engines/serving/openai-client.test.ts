import { afterEach, describe, expect, it } from 'vitest';
import { openAiClient } from '../../../src/engines/serving/openai-client.js';
import type { OpenAiClient } from '../../../src/engines/serving/openai-client.js';
import { ServingError } from '../../../src/engines/serving/serving-error.js';
import { toyServer } from './toy-server.js';
import type { Toy, ToyOptions } from './toy-server.js';

const open: Toy[] = [];
afterEach(async () => {
  for (const toy of open.splice(0)) await toy.close();
});

async function served(options: ToyOptions = {}, { deadlineMs = 5000, signal = new AbortController().signal, suffix = '' } = {}): Promise<{ toy: Toy; client: OpenAiClient }> {
  const toy = await toyServer(options);
  open.push(toy);
  return { toy, client: openAiClient({ url: toy.url + suffix, deadlineMs, signal }) };
}

const REQUEST = { model: 'toy', prompt: [1, 2, 3], maxTokens: 4, topK: 3 };
const completions = (answer: (response: Parameters<NonNullable<ToyOptions['instead']>>[0], request: number) => void): ToyOptions => ({
  instead(response, { path, request }) {
    if (path === '/v1/completions') answer(response, request);
    return path === '/v1/completions';
  },
});
const failure = async (promise: Promise<unknown>): Promise<ServingError> => {
  const error: unknown = await promise.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ServingError);
  return error as ServingError;
};

describe('an answer', () => {
  it('is asked for greedily, by token ids, to its full length', async () => {
    const { toy, client } = await served();
    const answer = await client.complete(REQUEST);
    expect(toy.asked).toEqual([{ model: 'toy', prompt: [1, 2, 3], max_tokens: 4, temperature: 0, logprobs: 3, return_tokens_as_token_ids: true, ignore_eos: true }]);
    expect(answer.tokens).toHaveLength(4);
    expect(answer.top.map((entries) => entries.length)).toEqual([3, 3, 3, 3]);
    expect(answer.top.map(([first]) => first)).toEqual(answer.tokens.map((token, at) => ({ token, logprob: answer.logprobs[at] })));
  });

  const answered = (logprobs: unknown): ToyOptions => completions((response) => response.end(JSON.stringify({ choices: [{ logprobs }] })));

  it('has its top k in order, also where one more is told, and NaN for what is no finite number', async () => {
    const { client } = await served(
      answered({
        tokens: ['token_id:9', 'token_id:4', 'token_id:0'],
        token_logprobs: [-5, -9999, null],
        top_logprobs: [{ 'token_id:9': -5, 'token_id:7': -1, 'token_id:8': -1, 'token_id:1': -0.5 }, { 'token_id:4': -9999, 'token_id:2': null }, null],
      }),
    );
    expect(await client.complete(REQUEST)).toEqual({
      tokens: [9, 4, 0],
      logprobs: [-5, Number.NaN, Number.NaN],
      top: [[{ token: 1, logprob: -0.5 }, { token: 7, logprob: -1 }, { token: 8, logprob: -1 }], [{ token: 4, logprob: -9999 }], []],
    });
  });

  it('with NaN and Infinity as bare words, as Python writes them, has NaN there', async () => {
    const text = '{"choices":[{"logprobs":{"tokens":["token_id:4","token_id:5","token_id:6"],"token_logprobs":[NaN, -Infinity,-1],"top_logprobs":[{"token_id:4": NaN},{"token_id:5":-Infinity,"token_id:2":Infinity},{"token_id:6":-1}]}}]}';
    const { client } = await served(completions((response) => response.end(text)));
    expect(await client.complete(REQUEST)).toEqual({ tokens: [4, 5, 6], logprobs: [Number.NaN, Number.NaN, -1], top: [[], [], [{ token: 6, logprob: -1 }]] });
  });

  it.each([
    ['tokens as texts', { tokens: [' the'], token_logprobs: [-1], top_logprobs: [{}] }, 'does not know return_tokens_as_token_ids'],
    ['an id that is none', { tokens: ['token_id:-4'], token_logprobs: [-1], top_logprobs: [{}] }, 'as a text'],
    ['texts among the most probable', { tokens: ['token_id:4'], token_logprobs: [-1], top_logprobs: [{ the: -1 }] }, 'as a text'],
    ['lists of different lengths', { tokens: ['token_id:4'], token_logprobs: [], top_logprobs: [{}] }, '1 tokens with 0 logprobs'],
    ['nothing', { tokens: [], token_logprobs: [], top_logprobs: [] }, 'answered 0 tokens'],
    ['more than was asked for', { tokens: Array(5).fill('token_id:4'), token_logprobs: Array(5).fill(-1), top_logprobs: Array(5).fill({}) }, 'at most 4'],
    ['no logprobs', null, 'choices.0.logprobs'],
  ])('of %s is refused', async (_, logprobs, why) => {
    const error = await failure((await served(answered(logprobs))).client.complete(REQUEST));
    expect(error.failure).toBe('malformed');
    expect(error.message).toContain(why);
  });

  it.each([
    ['no JSON', '<html>\u001b[31m', 'answered no JSON: <html> [31m'],
    ['a bare NaN where logprobs should be', '{"choices":[{"logprobs":NaN}]}', 'choices.0.logprobs'],
    ['NaN alone', 'NaN', 'answered in another form'],
    ['two choices', '{"choices":[]}', 'choices'],
  ])('of %s is refused', async (_, text, why) => {
    const error = await failure((await served(completions((response) => response.end(text)))).client.complete(REQUEST));
    expect([error.failure, error.message]).toEqual(['malformed', expect.stringContaining(why)]);
  });

  it('without an end is broken off', async () => {
    let sent = 0;
    let closed = false;
    const { client } = await served(
      completions((response) => {
        const more = (): void => {
          while (!closed && response.write(Buffer.alloc(1 << 20, 32))) sent += 1;
        };
        response.on('drain', more).on('close', () => (closed = true));
        more();
      }),
    );
    expect((await failure(client.complete(REQUEST))).failure).toBe('too large');
    await expect.poll(() => closed).toBe(true);
    expect(sent).toBeLessThan(64);
  });
});

describe('a request', () => {
  it('that is too slow ends at its deadline, in its head and in its body, and is not tried again', async () => {
    for (const slow of [() => {}, (response: { write(text: string): unknown }) => response.write('{"choices":')]) {
      const { toy, client } = await served(completions(slow), { deadlineMs: 150 });
      const error = await failure(client.complete(REQUEST));
      expect([error.failure, error.message]).toEqual(['timeout', expect.stringContaining('within 0.15 s')]);
      expect(toy.asked).toHaveLength(1);
    }
  });

  it('that runs into a time-out of fetch itself, before its head or within its body, is too slow and not tried again', async () => {
    // The dispatcher of Node's own fetch, with time-outs a test can wait for.
    const dispatcher = Symbol.for('undici.globalDispatcher.1');
    const world = globalThis as unknown as Record<symbol, { constructor: new (options: object) => never }>;
    for (const slow of [() => {}, (response: { write(text: string): unknown }) => response.write('{"choices":')]) {
      const { toy, client } = await served(completions(slow));
      await client.health();
      const agent = world[dispatcher];
      if (agent === undefined) throw new Error('fetch has another dispatcher');
      world[dispatcher] = new agent.constructor({ headersTimeout: 100, bodyTimeout: 100 });
      try {
        const error = await failure(client.complete(REQUEST));
        expect([error.failure, error.message]).toEqual(['timeout', expect.stringMatching(/(?:Headers|Body) Timeout Error/)]);
        expect(toy.asked).toHaveLength(1);
      } finally {
        world[dispatcher] = agent;
      }
    }
  });

  it('is tried again when the connection breaks or the server has a trouble of its own', async () => {
    const { toy, client } = await served({
      instead(response, { path, request }) {
        if (path !== '/v1/completions' || request > 1) return false;
        if (request === 0) response.destroy();
        else response.writeHead(503).end('loading');
        return true;
      },
    });
    expect((await client.complete(REQUEST)).tokens).toHaveLength(4);
    expect(toy.asked).toHaveLength(3);
  });

  it('is given up after four tries with what the server said', async () => {
    const { toy, client } = await served(completions((response) => response.writeHead(500).end('{"error":"engine\ndead"}')));
    const error = await failure(client.complete(REQUEST));
    expect([error.failure, error.status, error.message]).toEqual(['status', 500, expect.stringContaining('answered with 500: {"error":"engine dead"}')]);
    expect(toy.asked).toHaveLength(4);
  });

  it('that the server refuses is not tried again', async () => {
    const { toy, client } = await served(completions((response) => response.writeHead(400).end('too long')));
    expect((await failure(client.complete(REQUEST))).status).toBe(400);
    expect(toy.asked).toHaveLength(1);
  });

  it('to nobody says so', async () => {
    const { toy, client } = await served();
    await toy.close();
    open.splice(0);
    const error = await failure(client.model());
    expect([error.failure, error.message]).toEqual(['unreachable', expect.stringContaining('ECONNREFUSED')]);
  });

  it('follows no redirect', async () => {
    const { client } = await served(completions((response) => response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end()));
    expect((await failure(client.complete(REQUEST))).failure).toBe('unreachable');
  });

  it('ends with its signal, also between two tries', async () => {
    const stop = new AbortController();
    const { client } = await served(
      completions((response) => {
        response.destroy();
        setTimeout(() => stop.abort(), 50);
      }),
      { signal: stop.signal },
    );
    await expect(client.complete(REQUEST)).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('a server', () => {
  it('tells its model and tokens, with or without /v1 in its address', async () => {
    for (const suffix of ['', '/', '/v1', '/v1/']) {
      const { client } = await served({ maxModelLen: 128 }, { suffix });
      await client.health();
      expect(await client.model()).toEqual({ id: '/models/toy', maxTokens: 128 });
      expect(await client.tokenize('toy', 'ab')).toEqual([1, 97, 98]);
    }
  });

  it('may have no /health, but not an unhealthy one', async () => {
    const health = (status: number): ToyOptions => ({
      instead(response, { path }) {
        if (path === '/health') response.writeHead(status).end();
        return path === '/health';
      },
    });
    await (await served(health(404))).client.health();
    expect((await failure((await served(health(503))).client.health())).status).toBe(503);
  });
});
