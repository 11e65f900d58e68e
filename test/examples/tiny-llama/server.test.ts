import { mkdtempSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EOS, toHuggingFace } from '../../../examples/tiny-llama/src/model/config.js';
import { argmax, logSoftmax } from '../../../examples/tiny-llama/src/model/logprobs.js';
import { writeSafetensors } from '../../../examples/tiny-llama/src/model/safetensors.js';
import { encode, tokenizerJson } from '../../../examples/tiny-llama/src/model/tokenizer.js';
import { createModelServer } from '../../../examples/tiny-llama/src/serve/http-server.js';
import { SMALL, startJob, strongDecoder, strongWeights, until } from './kit.js';

interface Answer {
  choices: { index: number; text: string; finish_reason: string; logprobs: { tokens: string[]; token_logprobs: (number | null)[]; top_logprobs: (Record<string, number> | null)[]; text_offset: number[] } | null }[];
  usage: { prompt_tokens: number; completion_tokens: number; total_tokens: number };
  error: { message: string; type: string; param: string | null; code: number };
}

describe('the server', () => {
  let server: Server;
  let url: string;
  const reference = strongDecoder(SMALL);

  const post = async (body: unknown, raw = JSON.stringify(body)): Promise<{ status: number; answer: Answer }> => {
    const response = await fetch(`${url}/v1/completions`, { method: 'POST', body: raw });
    return { status: response.status, answer: (await response.json()) as Answer };
  };
  /** Greedy tokens, each time from scratch. */
  const greedy = (prompt: readonly number[], count: number): number[] => {
    const ids = [...prompt];
    for (let i = 0; i < count; i++) {
      let next = -1;
      reference.reset();
      reference.extend(ids, 'last', (logits) => void (next = argmax(logits)));
      ids.push(next);
    }
    return ids.slice(prompt.length);
  };

  beforeAll(async () => {
    server = createModelServer({ decoder: strongDecoder(SMALL), bytes: true, eos: [EOS] }, { model: 'tiny-llama', ownedBy: 'tests' });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => void server.close());

  it('says that it lives, and what it has', async () => {
    expect((await fetch(`${url}/health`)).status).toBe(200);
    expect(await (await fetch(`${url}/v1/models`)).json()).toMatchObject({ object: 'list', data: [{ id: 'tiny-llama', owned_by: 'tests', max_model_len: 96 }] });
  });

  it('answers several prompts with the greedy tokens as ids, and counts them', async () => {
    const prompts = [[5, 6, 7], [200, 1]];
    const { status, answer } = await post({ model: 'tiny-llama', prompt: prompts, max_tokens: 12, temperature: 0, logprobs: 0, return_tokens_as_token_ids: true, ignore_eos: true });
    expect(status).toBe(200);
    expect(answer.choices.map(({ index }) => index)).toEqual([0, 1]);
    prompts.forEach((prompt, index) => expect(answer.choices[index]!.logprobs!.tokens).toEqual(greedy(prompt, 12).map((id) => `token_id:${id}`)));
    expect(answer.usage).toEqual({ prompt_tokens: 5, completion_tokens: 24, total_tokens: 29 });
  });

  it('tells logprobs that belong to a distribution, and the token itself beside the top k', async () => {
    const { answer } = await post({ prompt: 'abc', max_tokens: 6, temperature: 1, seed: 11, logprobs: 20, return_tokens_as_token_ids: true, ignore_eos: true });
    const { tokens, token_logprobs: own, top_logprobs: top } = answer.choices[0]!.logprobs!;
    tokens.forEach((token, i) => {
      expect(top[i]![token]).toBe(own[i]);
      const values = Object.values(top[i]!);
      expect([20, 21]).toContain(values.length);
      expect(values.slice(0, 20)).toEqual(values.slice(0, 20).sort((a, b) => b - a));
      const sum = values.reduce((total, value) => total + Math.exp(value), 0);
      expect(sum).toBeGreaterThan(20 / 258);
      expect(sum).toBeLessThan(1 + 1e-9);
    });
  });

  it('echoes the prompt with the logprobs that it had', async () => {
    const prompt = encode('Grüß');
    const { answer } = await post({ prompt: 'Grüß', max_tokens: 0, echo: true, logprobs: 1 });
    const { tokens, token_logprobs: own, top_logprobs: top, text_offset: offsets } = answer.choices[0]!.logprobs!;
    expect(answer.choices[0]!.text).toBe('Grüß');
    expect(tokens).toEqual(['G', 'r', 'bytes:\\xc3', 'bytes:\\xbc', 'bytes:\\xc3', 'bytes:\\x9f']);
    expect(offsets).toEqual([0, 1, 2, 2, 3, 3]);
    expect([own[0], top[0]]).toEqual([null, null]);
    reference.reset();
    reference.extend(prompt, 'all', (logits, row) => {
      if (row + 1 < prompt.length) expect(own[row + 1]).toBe(logSoftmax(logits)[prompt[row + 1]!]);
    });
  });

  it('samples by seed: equal for equal ones, different for others', async () => {
    const ask = async (seed: number): Promise<string[]> => (await post({ prompt: 'abc', max_tokens: 20, temperature: 3, seed, logprobs: 0, return_tokens_as_token_ids: true, ignore_eos: true })).answer.choices[0]!.logprobs!.tokens;
    expect(await ask(1)).toEqual(await ask(1));
    expect(await ask(1)).not.toEqual(await ask(2));
  });

  it('stops at the end of a text unless told to ignore it', async () => {
    const stops = createModelServer({ decoder: strongDecoder(SMALL), bytes: true, eos: [greedy([5, 6, 7], 3)[2]!] }, { model: 'm', ownedBy: 'tests' });
    await new Promise<void>((resolve) => stops.listen(0, '127.0.0.1', resolve));
    const ask = async (ignoreEos: boolean) => (await fetch(`http://127.0.0.1:${(stops.address() as AddressInfo).port}/v1/completions`, { method: 'POST', body: JSON.stringify({ prompt: [5, 6, 7], max_tokens: 10, temperature: 0, ignore_eos: ignoreEos }) })).json() as Promise<Answer>;
    const stopped = await ask(false);
    expect(stopped.choices[0]).toMatchObject({ finish_reason: 'stop', logprobs: null });
    expect(stopped.usage.completion_tokens).toBeLessThanOrEqual(3);
    expect(await ask(true)).toMatchObject({ choices: [{ finish_reason: 'length' }], usage: { completion_tokens: 10 } });
    stops.close();
  });

  it.each([
    [{ prompt: [] }, 400, 'prompt'],
    [{ prompt: '' }, 400, 'prompt'],
    [{ prompt: [258] }, 400, 'prompt'],
    [{ prompt: [[1], []] }, 400, 'prompt'],
    [{ prompt: [1], max_tokens: -1 }, 400, 'max_tokens'],
    [{ prompt: [1], logprobs: 21 }, 400, 'logprobs'],
    [{ prompt: [1], echo: 'yes' }, 400, 'echo'],
    [{ prompt: [1], stream: true }, 400, 'stream'],
    [{ prompt: [1], surprise: 1 }, 400, 'surprise'],
    [{ prompt: Array.from({ length: 90 }, () => 1), max_tokens: 7 }, 400, 'prompt'],
    [{ prompt: [1], model: 'gpt-4' }, 404, 'model'],
  ])('refuses %j', async (body, status, param) => {
    expect(await post(body)).toMatchObject({ status, answer: { error: { type: 'invalid_request_error', param, code: status } } });
  });

  it('refuses what is no JSON, too long a body, and other paths and methods', async () => {
    expect(await post(undefined, '{')).toMatchObject({ status: 400 });
    expect(await post({ prompt: 'a'.repeat(1024 * 1024) })).toMatchObject({ status: 413 });
    expect((await fetch(`${url}/v1/chat/completions`, { method: 'POST', body: '{}' })).status).toBe(404);
    expect((await fetch(`${url}/v1/completions`)).status).toBe(405);
  });
});

describe('the serving job', { timeout: 60_000 }, () => {
  const model = mkdtempSync(join(tmpdir(), 'tiny-llama-model-'));
  writeFileSync(join(model, 'config.json'), JSON.stringify(toHuggingFace(SMALL)));
  writeFileSync(join(model, 'tokenizer.json'), JSON.stringify(tokenizerJson()));
  writeSafetensors(join(model, 'model.safetensors'), strongWeights(SMALL, 1));

  it('announces its address, never passes for an Ascend device, and ends with 0 on SIGTERM', async () => {
    const run = startJob('serve.mjs', { serve: 'checkpoint' }, { CHECKPOINT: model }, { FERRY_BACKEND: 'ascend', FERRY_PORT: '0' });
    const { url } = (await until(() => run.progress().find((line) => line['ready'] !== undefined)))['ready'] as { url: string };
    expect(await (await fetch(`${url}/v1/models`)).json()).toMatchObject({ data: [{ owned_by: 'modelferry (simulated ascend)' }] });
    run.child.kill('SIGTERM');
    const { code, log } = await run.ended;
    expect(code).toBe(0);
    expect(log).toContain('simulated Ascend (a CPU server, not an Ascend device)');
    expect(log).toContain(url);
  });

  it('ends with 78 where the model is none that it computes, or is not there', async () => {
    const other = mkdtempSync(join(tmpdir(), 'tiny-llama-model-'));
    writeFileSync(join(other, 'config.json'), JSON.stringify({ ...toHuggingFace(SMALL), model_type: 'mistral' }));
    expect(await startJob('serve.mjs', {}, { MODEL: other }).ended).toMatchObject({ code: 78, log: expect.stringContaining('mistral') as string });
    expect(await startJob('serve.mjs', { server: 'model' }, { MODEL: other }).ended).toMatchObject({ code: 78, log: expect.stringContaining('server is unknown; did you mean serve?') as string });
    expect(await startJob('serve.mjs', {}, {}).ended).toMatchObject({ code: 78, log: expect.stringContaining('FERRY_INPUT_MODEL') as string });
  });
});
