// The part of OpenAI's HTTP interface that a comparison of two servers needs: models and completions.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { LoadedModel } from '../model/load-model.js';
import { complete, type Choice } from './complete.js';
import { parseCompletion, RequestError } from './completion-request.js';

const MAX_BODY_BYTES = 1024 * 1024;

export interface Identity {
  /** The model's name in requests. */
  model: string;
  /** Says whose server this is, and that it computes on a CPU. */
  ownedBy: string;
}

export function createModelServer(loaded: LoadedModel, { model, ownedBy }: Identity): Server {
  const { decoder, bytes } = loaded;
  const limits = { model, vocab: decoder.config.vocab, capacity: decoder.capacity, bytes };
  /** There is one cache: requests are answered one after the other. */
  let line: Promise<unknown> = Promise.resolve();
  let answered = 0;

  const answer = async (body: unknown, gone: () => boolean): Promise<unknown> => {
    const request = parseCompletion(body, limits);
    const choices: Choice[] = [];
    let generated = 0;
    for (let index = 0; index < request.prompts.length && !gone(); index++) {
      const one = complete(loaded, request, index);
      choices.push(one.choice);
      generated += one.generated;
      // Between prompts others are heard: health checks, a signal, a client that went away.
      await new Promise((resolve) => setImmediate(resolve));
    }
    const prompt = request.prompts.reduce((sum, ids) => sum + ids.length, 0);
    answered += 1;
    return { id: `cmpl-${answered}`, object: 'text_completion', created: Math.floor(Date.now() / 1000), model, choices, usage: { prompt_tokens: prompt, completion_tokens: generated, total_tokens: prompt + generated } };
  };

  const routes: Record<string, { method: string; handle: (request: IncomingMessage, response: ServerResponse) => Promise<unknown> }> = {
    '/health': { method: 'GET', handle: () => Promise.resolve({ status: 'ok' }) },
    '/v1/models': { method: 'GET', handle: () => Promise.resolve({ object: 'list', data: [{ id: model, object: 'model', created: 0, owned_by: ownedBy, max_model_len: decoder.capacity }] }) },
    '/v1/completions': {
      method: 'POST',
      handle: async (request, response) => {
        const body = await readJson(request);
        const turn = line.then(() => answer(body, () => response.destroyed));
        line = turn.catch(() => undefined);
        return turn;
      },
    },
  };

  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let status = 200;
    let body: unknown;
    try {
      const route = routes[new URL(request.url ?? '/', 'http://localhost').pathname];
      if (route === undefined) throw new RequestError(404, `there is nothing at ${request.url}`);
      if (route.method !== request.method) throw new RequestError(405, `${request.url} answers ${route.method}`);
      body = await route.handle(request, response);
    } catch (error) {
      status = error instanceof RequestError ? error.status : 500;
      if (status === 500) console.error(error);
      const message = error instanceof Error ? error.message : String(error);
      body = { error: { message, type: status === 500 ? 'server_error' : 'invalid_request_error', param: error instanceof RequestError ? error.param : null, code: status } };
    }
    if (response.destroyed) return;
    response.writeHead(status, { 'content-type': 'application/json', ...(status === 413 ? { connection: 'close' } : {}) });
    response.end(JSON.stringify(body));
  };
  return createServer((request, response) => void respond(request, response));
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > MAX_BODY_BYTES) throw new RequestError(413, `the body is longer than ${MAX_BODY_BYTES} bytes`);
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch {
    throw new RequestError(400, 'the body is no JSON');
  }
}
