import { open } from 'node:fs/promises';
import { LineCounter, parseDocument } from 'yaml';
import type * as z from 'zod';
import { problemsOf, type Problem } from '../../domain/problems.js';
import { InvalidDocument } from './invalid-document.js';
import { keysOf } from './schema-keys.js';

/** Specs and site files are written by hand; a larger one is a mistake, or an attempt to exhaust memory. */
const MAX_BYTES = 1024 * 1024;

/** Aliases that may be resolved. Each may stand for a mapping with further ones, so the number multiplies. */
const MAX_ALIASES = 100;

/**
 * Reads a YAML or JSON file as it was written.
 * @throws InvalidDocument with every mistake of its syntax.
 */
export const readDocument = async (file: string, what: string): Promise<unknown> => parse(await readBounded(file, what), file, what);

/** @throws InvalidDocument with every problem of the document, each with the nearest right key where there is one. */
export function validate<T>(raw: unknown, file: string, what: string, schema: z.ZodType<T>): T {
  const result = schema.safeParse(raw);
  if (result.success) return result.data;
  throw new InvalidDocument(file, what, 'invalid', problemsOf(result.error, raw, keysOf(schema)));
}

async function readBounded(file: string, what: string): Promise<string> {
  const refuse = (fault: 'missing' | 'syntax', found: string, expected: string, suggestion?: string): InvalidDocument =>
    new InvalidDocument(file, what, fault, [{ path: file, found, expected, ...(suggestion === undefined ? {} : { suggestion }) }]);
  let bytes: Buffer;
  try {
    const handle = await open(file, 'r');
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) throw refuse('missing', stat.isDirectory() ? 'a directory' : 'no regular file', `a ${what}`);
      const buffer = Buffer.alloc(MAX_BYTES + 1);
      let length = 0;
      // Read rather than trusted from stat: a file can grow in between.
      for (let read = -1; read !== 0 && length < buffer.length; length += read) read = (await handle.read(buffer, length, buffer.length - length, null)).bytesRead;
      bytes = buffer.subarray(0, length);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof InvalidDocument || !(error instanceof Error)) throw error;
    const code = 'code' in error ? String(error.code) : '';
    if (code === 'ENOENT' || code === 'ENOTDIR') throw refuse('missing', 'no such file', `a ${what}`);
    throw refuse('missing', error.message, 'a file that can be read');
  }
  if (bytes.length > MAX_BYTES) throw refuse('syntax', 'more than 1 MB', `a ${what} of at most 1 MB`, 'keep data in files of their own and name them');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw refuse('syntax', 'bytes that are not UTF-8', 'UTF-8 text');
  }
}

/** YAML 1.2 holds JSON whole, and tells the line and column of a mistake, which `JSON.parse` does not. */
function parse(text: string, file: string, what: string): unknown {
  const lines = new LineCounter();
  const document = parseDocument(text, { schema: 'core', version: '1.2', uniqueKeys: true, strict: true, merge: false, prettyErrors: false, lineCounter: lines });
  // A warning is a tag that nothing here knows: what it would mean to another reader is anybody's guess.
  const problems: Problem[] = [...document.errors, ...document.warnings].map((issue) => {
    const { line, col } = lines.linePos(issue.pos[0]);
    return { path: `${file}:${line}:${col}`, found: issue.message, expected: 'valid YAML or JSON, plain data only' };
  });
  if (problems.length > 0) throw new InvalidDocument(file, what, 'syntax', problems.slice(0, 20));
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new InvalidDocument(file, what, 'syntax', [{ path: file, found: error.message, expected: `at most ${MAX_ALIASES} resolved aliases`, suggestion: 'write the repeated parts out' }]);
  }
}
