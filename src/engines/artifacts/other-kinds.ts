import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from './durable-file.js';

// An artifact's digest covers its content alone, so equal content may be taken in as something else later: as a `model`
// what was a `checkpoint` before, or again with a dtype that nobody had declared. What it was first stands in meta.json.

interface AsKind {
  annotations?: Record<string, string>;
}

const fileOf = (directory: string, kind: string): string => join(directory, 'kinds', `${kind}.json`);

/** Writes down as what an artifact was taken in again; the newest declaration of a kind stands. */
export function rememberKind(directory: string, kind: string, annotations: Record<string, string> | undefined): void {
  mkdirSync(join(directory, 'kinds'), { recursive: true });
  writeAtomically(fileOf(directory, kind), JSON.stringify({ annotations } satisfies AsKind), { durable: false });
}

/** With what an artifact was taken in as a kind, after it was there already; undefined when it never was. */
export async function readKind(directory: string, kind: string): Promise<AsKind | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(fileOf(directory, kind), 'utf8'));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof Error && 'code' in error && error.code === 'ENOENT')) return undefined;
    throw error;
  }
}
