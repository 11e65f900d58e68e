import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import * as z from 'zod';
import { DatasetCard } from '../../domain/reports/dataset-card.js';
import { seededHash } from '../text/split-families.js';

/** Thrown for a dataset that prompts can't be taken from. */
export class PromptsError extends Error {
  override readonly name = 'PromptsError';
}

/** Later parts of a long document are used only where there are fewer documents than prompts. */
const MAX_WINDOWS = 16;
/** So many documents for each prompt are looked at: some are too short. */
const SPARE = 2;

const Document = z.object({ id: z.string(), text: z.string() });

export interface PromptOptions {
  /** A text dataset: `manifest.json` and the files of its splits. */
  dataset: string;
  count: number;
  /** Length of each prompt. */
  promptTokens: number;
  /** Characters of text that certainly make `promptTokens` tokens. */
  chars: number;
  seed: number;
  tokenize(text: string): Promise<number[]>;
}

/** A prompt, and the document that it is a part of, counted in the order of their first use. */
export interface Prompt {
  tokens: number[];
  document: number;
}

/** What of a document may become a prompt. */
interface Part {
  rank: number;
  text: string;
}

/**
 * Prompts as token ids, all of one length: beginnings of held-out documents in the seed's order; where those are too few,
 * the next parts of the same documents. Texts that make fewer tokens are passed over. Throws PromptsError.
 */
export async function heldOutPrompts({ dataset, count, promptTokens, chars, seed, tokenize }: PromptOptions): Promise<Prompt[]> {
  const file = join(dataset, heldOutFile(dataset));
  const prompts: Prompt[] = [];
  const documents = new Map<number, number>();
  for (let window = 0; window < MAX_WINDOWS && prompts.length < count; window += 1) {
    for (const { rank, text } of await partsOf(file, { from: window * chars, chars, seed, atMost: SPARE * count })) {
      if (prompts.length === count) break;
      const tokens = await tokenize(text);
      if (tokens.length < promptTokens) continue;
      const document = documents.get(rank) ?? documents.size;
      documents.set(rank, document);
      prompts.push({ tokens: tokens.slice(0, promptTokens), document });
    }
  }
  if (prompts.length === count) return prompts;
  throw new PromptsError(`the held-out part of the dataset makes ${prompts.length} prompts of ${promptTokens} tokens, and ${count} are asked for: ask for fewer or shorter ones, or hold out more`);
}

/** The same part of each document, of the `atMost` that the seed puts first: a large corpus is read again rather than held. */
async function partsOf(file: string, { from, chars, seed, atMost }: { from: number; chars: number; seed: number; atMost: number }): Promise<Part[]> {
  const parts: Part[] = [];
  let line = 0;
  for await (const json of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    line += 1;
    const { data: document } = Document.safeParse(parseJson(json));
    if (document === undefined) throw new PromptsError(`line ${line} of ${basename(file)} is no document of a text dataset`);
    const rank = seededHash(seed, document.id);
    if (parts.length === atMost && rank >= (parts.at(-1) as Part).rank) continue;
    const text = copyOf(document.text.slice(from, from + chars));
    if (text.trim() === '') continue;
    const after = parts.findIndex((other) => other.rank > rank);
    parts.splice(after < 0 ? parts.length : after, 0, { rank, text });
    if (parts.length > atMost) parts.pop();
  }
  return parts;
}

/** Without what it is a part of: a slice keeps the whole string alive. Half a character at either end would become U+FFFD, and is left out. */
const copyOf = (slice: string): string => Buffer.from(slice.replace(/^[\udc00-\udfff]|[\ud800-\udbff]$/g, '')).toString();

function heldOutFile(dataset: string): string {
  const manifest = join(dataset, 'manifest.json');
  const card = existsSync(manifest) ? DatasetCard.safeParse(parseJson(readFileSync(manifest, 'utf8'))).data : undefined;
  const file = card?.splits['heldout']?.file;
  if (file === undefined) throw new PromptsError('the dataset has no manifest.json that names a held-out part: make it with prepare-text');
  if (basename(file) !== file || !existsSync(join(dataset, file))) throw new PromptsError(`the dataset's manifest names ${JSON.stringify(file.slice(0, 80))}, and there is no such file beside it`);
  return file;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
