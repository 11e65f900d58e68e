import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Payload, PayloadCodec } from '@temporalio/common';
import * as z from 'zod';
import { messageOf } from '../../client/errors.js';

export const LOOPBACK = '127.0.0.1';

/** A page of a history has at most a few MB of payloads; in base64 they are a third longer. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;
const MAX_PAYLOADS = 10_000;
/** A browser asks once in this time whether it may, and not before each page. */
const PREFLIGHT_SECONDS = 600;
/** The bodies come from this machine. */
const REQUEST_TIMEOUT_MS = 30_000;

const Base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/, 'base64');
/** Payloads as protobuf's JSON form has them; what it leaves out is empty. */
const Body = z.object({ payloads: z.array(z.object({ metadata: z.record(z.string().max(200), Base64).optional(), data: Base64.optional() })).max(MAX_PAYLOADS).default([]) });

export interface CodecServerInput {
  codec: PayloadCodec;
  /** 0: any that is free. */
  port: number;
  /** The origins whose pages may ask: `http://127.0.0.1:8233`. */
  origins: readonly string[];
}

export interface CodecServer {
  /** Without a slash at its end. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Temporal's remote codec protocol on the loopback interface: `POST /encode` and `POST /decode`, for the Web UI and for
 * `temporal --codec-endpoint`. It believes nobody by address alone: a page of another origin is refused, and so is a
 * request for another host, which a page would send whose name was made to point here.
 * Rejects when the port is taken.
 */
export async function startCodecServer({ codec, port, origins }: CodecServerInput): Promise<CodecServer> {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    void answer({ codec, origins, port: portOf(server) }, request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, LOOPBACK, resolve);
  });
  return {
    url: `http://${LOOPBACK}:${portOf(server)}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

interface Rules {
  codec: PayloadCodec;
  origins: readonly string[];
  port: number;
}

async function answer(rules: Rules, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const say = (status: number, body: unknown, headers: Record<string, string> = {}): void => {
    // What was decrypted is for the page alone, and not for a cache on the disk.
    response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', vary: 'origin', ...headers });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  };
  try {
    const refused = refusalOf(rules, request);
    if (refused !== undefined) return say(refused.status, { error: refused.error }, refused.headers);
    const { origin } = request.headers;
    const allowed: Record<string, string> = origin === undefined ? {} : { 'access-control-allow-origin': origin };
    if (request.method === 'OPTIONS')
      return say(204, undefined, { ...allowed, 'access-control-allow-methods': 'POST', 'access-control-allow-headers': request.headers['access-control-request-headers'] ?? 'content-type', 'access-control-max-age': String(PREFLIGHT_SECONDS) });
    const body = await bodyOf(request);
    if (body === undefined) return say(413, { error: `the body is longer than ${MAX_BODY_BYTES} bytes` }, { ...allowed, connection: 'close' });
    const payloads = payloadsIn(body);
    if (payloads === undefined) return say(400, { error: 'the body is no {"payloads":[{"metadata":{…},"data":"…"}]} with values in base64' }, allowed);
    say(200, { payloads: (await (pathOf(request) === '/encode' ? rules.codec.encode(payloads) : rules.codec.decode(payloads))).map(jsonOf) }, allowed);
  } catch (error) {
    if (!response.headersSent) say(500, { error: messageOf(error) });
    else response.destroy();
  }
}

interface Refusal {
  status: number;
  error: string;
  headers?: Record<string, string>;
}

/** Without the query: the UI asks for `/decode?preserveStorageRefs=true`. */
const pathOf = ({ url = '' }: IncomingMessage): string => url.split('?', 1)[0] ?? '';

function refusalOf({ origins, port }: Rules, request: IncomingMessage): Refusal | undefined {
  const { method = '', headers } = request;
  if (headers.host !== `${LOOPBACK}:${port}` && headers.host !== `localhost:${port}`) return { status: 403, error: 'this server is for 127.0.0.1 and localhost alone' };
  if (headers.origin !== undefined && !origins.includes(headers.origin)) return { status: 403, error: 'pages of this origin may not ask; name it with --origin' };
  if (!['/encode', '/decode'].includes(pathOf(request))) return { status: 404, error: 'there are /encode and /decode' };
  if (method !== 'POST' && method !== 'OPTIONS') return { status: 405, error: 'POST payloads here', headers: { allow: 'POST, OPTIONS' } };
  // Without the header a page of any origin could send this without asking first.
  if (method === 'POST' && !/^application\/json\b/.test(headers['content-type'] ?? '')) return { status: 415, error: 'the content type is application/json' };
  return undefined;
}

/** The whole body; undefined when it is too long. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  // Destroyed, the request would take the answer with it.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function payloadsIn(body: Buffer): Payload[] | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(body.toString());
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  return Body.safeParse(raw).data?.payloads.map(({ metadata = {}, data = '' }) => ({
    metadata: Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name, Buffer.from(value, 'base64')])),
    data: Buffer.from(data, 'base64'),
  }));
}

const base64 = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString('base64');
const jsonOf = ({ metadata, data }: Payload): unknown => ({ metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([name, value]) => [name, base64(value)])), data: base64(data) });
