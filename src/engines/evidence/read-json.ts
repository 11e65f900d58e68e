import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseLoosely } from '../../domain/loose-json.js';
import type { LocalStore, StoredFile } from '../artifacts/local-store.js';
import { StoreError } from '../artifacts/store-error.js';

/** Reports are small; a larger file is something else under their name, and would only fill the memory. */
export const MAX_EVIDENCE_BYTES = 4 * 1024 * 1024;

export type JsonReading = { state: 'read'; value: unknown } | { state: 'absent'; why: string } | { state: 'unreadable'; problem: string };

/**
 * A JSON file of an artifact, looked up by its name in any folder of it (the one nearest to the top counts). What is
 * read is compared with the artifact's manifest, whatever the quick check of the store says.
 */
export async function readJson(store: LocalStore, digest: string, name: string): Promise<JsonReading> {
  try {
    const files = await store.files(digest);
    const file = nearestTop(files.filter(({ path }) => basename(path) === name));
    if (file === undefined) return { state: 'absent', why: `holds no ${name}` };
    if (file.bytes > MAX_EVIDENCE_BYTES) return { state: 'unreadable', problem: `${file.path} has ${file.bytes} bytes; at most ${MAX_EVIDENCE_BYTES} are read` };
    const content = await readFile(file.source);
    if (createHash('sha256').update(content).digest('hex') !== file.sha256) return { state: 'unreadable', problem: `${file.path} is not what was taken in: its sha256 differs from the manifest's` };
    return { state: 'read', value: parseJson(content.toString('utf8')) };
  } catch (error) {
    return { state: 'unreadable', problem: problemOf(error, name) };
  }
}

const depth = ({ path }: StoredFile): number => path.split('/').length;

const nearestTop = (files: readonly StoredFile[]): StoredFile | undefined => files.toSorted((a, b) => depth(a) - depth(b))[0];

function problemOf(error: unknown, name: string): string {
  if (error instanceof StoreError) return error.message;
  const message = error instanceof Error ? error.message : String(error);
  return error instanceof SyntaxError ? `${name} is no JSON: ${message}` : `${name} could not be read: ${message}`;
}

/** @throws SyntaxError that says where it is no JSON */
const parseJson = (text: string): unknown => parseLoosely(text) ?? (JSON.parse(text) as unknown);
