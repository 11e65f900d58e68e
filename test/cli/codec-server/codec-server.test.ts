import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { defaultPayloadConverter } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCodecServer, type CodecServer } from '../../../src/cli/codec-server/codec-server.js';
import { payloadCodec } from '../../../src/temporal-codec.js';
import { ringOf } from '../../support/payload-keys.js';

const UI = 'http://127.0.0.1:8233';
const codec = payloadCodec({ keys: async () => ringOf(Buffer.alloc(32, 7)), unreadable: 'pass' });
let server: CodecServer;
beforeAll(async () => {
  server = await startCodecServer({ codec, port: 0, origins: [UI] });
});
afterAll(() => server.close());

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** Not `fetch`, which sets the host by itself. */
function ask(path: string, { method = 'POST', body = '', headers = {} }: { method?: string; body?: string | Buffer; headers?: Record<string, string> } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(`${server.url}${path}`, { method, headers: { 'content-type': 'application/json', ...headers }, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
    });
    call.on('error', reject);
    call.end(body);
  });
}

const json = (value: unknown): { metadata: Record<string, string>; data: string } => {
  const { metadata, data } = defaultPayloadConverter.toPayload(value) ?? {};
  return { metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')])), data: Buffer.from(data ?? []).toString('base64') };
};
const payloads = (...list: unknown[]): string => JSON.stringify({ payloads: list });
type Payloads = { payloads: { metadata: Record<string, string>; data: string }[] };

describe('the codec server', () => {
  it('encrypts and decrypts for the page of the UI, and for a command', async () => {
    const sealed = await ask('/encode', { body: payloads(json('hello'), json({ n: 1 })), headers: { origin: UI } });
    expect(sealed).toMatchObject({ status: 200, headers: { 'access-control-allow-origin': UI, 'cache-control': 'no-store' } });
    const { payloads: list } = JSON.parse(sealed.body) as Payloads;
    for (const { metadata } of list) expect(Buffer.from(metadata['encoding'] ?? '', 'base64').toString()).toBe('binary/encrypted');
    const opened = await ask('/decode', { body: payloads(...list) });
    expect(opened.headers['access-control-allow-origin']).toBeUndefined();
    expect(JSON.parse(opened.body)).toEqual({ payloads: [json('hello'), json({ n: 1 })] });
  });

  it('answers what it can and leaves the rest: a payload of another key hides no other one', async () => {
    const { payloads: own } = JSON.parse((await ask('/encode', { body: payloads(json('mine')) })).body) as Payloads;
    const foreign = { metadata: { encoding: Buffer.from('binary/encrypted').toString('base64'), 'encryption-key-id': Buffer.from('0123456789abcdef').toString('base64') }, data: randomBytes(60).toString('base64') };
    expect(JSON.parse((await ask('/decode', { body: payloads(foreign, ...own, json('plain')) })).body)).toEqual({ payloads: [foreign, json('mine'), json('plain')] });
  });

  it('lets a page of the UI ask before it sends, and no other page', async () => {
    const preflight = { method: 'OPTIONS', headers: { 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type,x-namespace' } };
    // The query is what the Web UI 2.54 adds.
    expect(await ask('/decode?preserveStorageRefs=true', { ...preflight, headers: { ...preflight.headers, origin: UI } })).toMatchObject({
      status: 204,
      headers: { 'access-control-allow-origin': UI, 'access-control-allow-methods': 'POST', 'access-control-allow-headers': 'content-type,x-namespace' },
    });
    for (const origin of ['http://evil.example', 'null', 'http://127.0.0.1:8234', `${UI}.evil.example`]) {
      const refused = await ask('/decode', { ...preflight, headers: { ...preflight.headers, origin } });
      expect(refused.status, origin).toBe(403);
      expect(refused.headers['access-control-allow-origin'], origin).toBeUndefined();
      expect((await ask('/decode', { body: payloads(json(1)), headers: { origin } })).status, origin).toBe(403);
    }
  });

  it.each(['evil.example', '10.0.0.1:8081', '127.0.0.1:1', 'localhost'])('refuses the host %s: a name that was made to point here', async (host) => {
    expect((await ask('/decode', { body: payloads(json(1)), headers: { host } })).status).toBe(403);
  });

  it.each<[string, number, string, Parameters<typeof ask>[1]]>([
    ['another path', 404, '/', {}],
    ['another method', 405, '/decode', { method: 'GET' }],
    ['PUT', 405, '/encode', { method: 'PUT' }],
    ['another content type', 415, '/decode', { headers: { 'content-type': 'text/plain' } }],
    ['no JSON', 400, '/decode', { body: '{"payloads":[' }],
    ['no list of payloads', 400, '/decode', { body: '{"payloads":7}' }],
    ['data that is no base64', 400, '/decode', { body: payloads({ data: '<b>' }) }],
  ])('refuses %s with %i', async (_, status, path, call) => {
    expect((await ask(path, call)).status).toBe(status);
  });

  it('refuses a body that is longer than a page of payloads can be', async () => {
    expect((await ask('/decode', { body: Buffer.alloc(16 * 1024 * 1024 + 1, 'x') })).status).toBe(413);
    expect((await ask('/decode', { body: payloads() })).body).toBe('{"payloads":[]}');
  });
});
