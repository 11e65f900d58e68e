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

/**
 * Prompts as token ids, all of one length: beginnings of held-out documents in the seed's order; where those are too few,
 * the next parts of the same documents. Texts that make fewer tokens are passed over. Throws PromptsError.
 */
export async function heldOutPrompts({ dataset, count, promptTokens, chars, seed, tokenize }: PromptOptions): Promise<number[][]> {
  const texts = await heldOutTexts({ dataset, count, chars, seed });
  const prompts: number[][] = [];
  for (let window = 0; window < MAX_WINDOWS; window += 1) {
    for (const text of texts) {
      if (prompts.length === count) return prompts;
      // Half a character at either end would become U+FFFD.
      const part = text.slice(window * chars, (window + 1) * chars).replace(/^[\udc00-\udfff]|[\ud800-\udbff]$/g, '');
      if (part.trim() === '') continue;
      const tokens = await tokenize(part);
      if (tokens.length >= promptTokens) prompts.push(tokens.slice(0, promptTokens));
    }
  }
  if (prompts.length === count) return prompts;
  throw new PromptsError(`the held-out part of the dataset makes ${prompts.length} prompts of ${promptTokens} tokens, and ${count} are asked for: ask for fewer or shorter ones, or hold out more`);
}

async function heldOutTexts({ dataset, count, chars, seed }: Pick<PromptOptions, 'dataset' | 'count' | 'chars' | 'seed'>): Promise<string[]> {
  let chosen: { rank: number; text: string }[] = [];
  const best = (): typeof chosen => chosen.sort((a, b) => a.rank - b.rank).slice(0, count);
  const file = join(dataset, heldOutFile(dataset));
  let line = 0;
  for await (const json of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    line += 1;
    const parsed = Document.safeParse(parseJson(json));
    if (!parsed.success) throw new PromptsError(`line ${line} of ${basename(file)} is no document of a text dataset`);
    chosen.push({ rank: seededHash(seed, parsed.data.id), text: parsed.data.text.slice(0, MAX_WINDOWS * chars) });
    // A large corpus is never held whole.
    if (chosen.length >= 2 * count + 1000) chosen = best();
  }
  return best().map(({ text }) => text);
}

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
