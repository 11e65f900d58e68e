// Opens a Hugging Face directory of a Llama: one safetensors file, or shards by an index.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromHuggingFace, UnsupportedModelError } from './config.js';
import { createDecoder, type Decoder } from './decoder.js';
import { readSafetensors } from './safetensors.js';
import { isByteTokenizer } from './tokenizer.js';

export interface LoadedModel {
  decoder: Decoder;
  /** Whether text can be read and written: ids are bytes. */
  bytes: boolean;
  /** The ids that end a text. */
  eos: readonly number[];
}

const readJson = (path: string): Record<string, unknown> => JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;

function weightFiles(folder: string): string[] {
  const index = join(folder, 'model.safetensors.index.json');
  if (existsSync(index)) return [...new Set(Object.values(readJson(index)['weight_map'] as Record<string, string>))].sort();
  if (existsSync(join(folder, 'model.safetensors'))) return ['model.safetensors'];
  throw new UnsupportedModelError(`${folder} has neither model.safetensors nor model.safetensors.index.json`);
}

/** @param capacity positions to hold at most, however many the model allows */
export function loadModel(folder: string, capacity: number): LoadedModel {
  if (!existsSync(join(folder, 'config.json'))) throw new UnsupportedModelError(`${folder} has no config.json`);
  const json = readJson(join(folder, 'config.json'));
  const config = fromHuggingFace(json);
  const decoder = createDecoder(config, (take) => weightFiles(folder).forEach((file) => readSafetensors(join(folder, file), take)), capacity);
  const tokenizer = join(folder, 'tokenizer.json');
  const eos = json['eos_token_id'];
  return { decoder, bytes: existsSync(tokenizer) && isByteTokenizer(readJson(tokenizer)), eos: (Array.isArray(eos) ? eos : [eos]).filter((id) => typeof id === 'number') };
}
