import { setTimeout as sleep } from 'node:timers/promises';
import { oneLine } from '../../domain/text.js';
import { ServingError } from './serving-error.js';

/** The logprobs of a few thousand tokens are under this; a server that sends without an end must not fill the memory. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** Waits between tries: long enough for a restart behind a balancer, short enough that a dead server is told within seconds. */
const RETRY_WAITS_MS = [250, 500, 1000] as const;

export interface HttpJsonRequest {
  method: 'GET' | 'POST';
  url: string;
  body?: unknown;
  /** For one try, its answer read whole; beyond 300 s fetch's own time-outs come first. */
  deadlineMs: number;
  /** Ends everything; its reason is thrown as it is. */
  signal: AbortSignal;
}

/**
 * One request, as text. Connections that fail and answers of 5xx are tried again three times, since a request that only
 * asks changes nothing; a deadline is not, since what took too long once takes as long again. Throws ServingError.
 */
export async function requestText(request: HttpJsonRequest): Promise<string> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await requestOnce(request);
    } catch (error) {
      request.signal.throwIfAborted();
      const wait = RETRY_WAITS_MS[attempt];
      if (wait === undefined || !(error instanceof ServingError) || !mayPass(error)) throw error;
      await sleep(wait, undefined, { signal: request.signal });
    }
  }
}

const mayPass = (error: ServingError): boolean => error.failure === 'unreachable' || (error.status ?? 0) >= 500;

async function requestOnce({ method, url, body, deadlineMs, signal }: HttpJsonRequest): Promise<string> {
  const deadline = AbortSignal.timeout(deadlineMs);
  const where = `${method} ${url}`;
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method,
      // A redirect would send prompts to a server that nobody named.
      redirect: 'error',
      signal: AbortSignal.any([signal, deadline]),
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    text = await limitedText(response, where);
  } catch (error) {
    if (error instanceof ServingError) throw error;
    signal.throwIfAborted();
    if (deadline.aborted) throw new ServingError('timeout', `${where} was not answered within ${deadlineMs / 1000} s`, { cause: error });
    if (isSlow(error)) throw new ServingError('timeout', `${where}: ${causeOf(error)}`, { cause: error });
    throw new ServingError('unreachable', `${where} failed: ${causeOf(error)}`, { cause: error });
  }
  if (!response.ok) throw new ServingError('status', `${where} was answered with ${response.status}: ${oneLine(text, 300)}`, { status: response.status });
  return text;
}

/** fetch has time-outs of its own for the head of an answer and between parts of its body: 300 s, and no option changes them. */
function isSlow(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && (cause.code === 'UND_ERR_HEADERS_TIMEOUT' || cause.code === 'UND_ERR_BODY_TIMEOUT');
}

async function limitedText(response: Response, where: string): Promise<string> {
  if (response.body === null) return '';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop cancels the body, which closes the connection.
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new ServingError('too large', `${where} was answered with more than ${MAX_ANSWER_BYTES / 1024 / 1024} MB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** What fetch says is always "fetch failed"; the reason is in its cause. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  return cause.message !== '' ? cause.message : 'code' in cause ? String(cause.code) : cause.name;
}
