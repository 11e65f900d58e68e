// The dataset as one stream of token ids a split, and the windows that a step reads from it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigurationError, messageOf } from '../contract.js';
import { BOS, EOS } from '../model/config.js';
import { hash32 } from '../model/random.js';

export interface Document {
  text: string;
}

/** The documents of a split, as `manifest.json` names its file. Throws ConfigurationError where they are not there or no documents. */
export function readSplit(dataset: string, split: string): Document[] {
  const file = fileOf(dataset, split);
  let content: string;
  try {
    content = readFileSync(join(dataset, file), 'utf8');
  } catch (error) {
    throw new ConfigurationError(`the split ${split} cannot be read: ${messageOf(error)}`);
  }
  return content.split('\n').flatMap((line, index) => (line.trim() === '' ? [] : [documentOf(line, `${file}, line ${index + 1}`)]));
}

function fileOf(dataset: string, split: string): string {
  let file: unknown;
  try {
    const manifest = JSON.parse(readFileSync(join(dataset, 'manifest.json'), 'utf8')) as { splits?: Record<string, { file?: unknown }> };
    file = manifest.splits?.[split]?.file;
  } catch (error) {
    throw new ConfigurationError(`the dataset has no readable manifest.json: ${messageOf(error)}`);
  }
  if (typeof file !== 'string') throw new ConfigurationError(`the dataset's manifest.json has no split ${split}`);
  // Outside its folder nothing is of the dataset, whose digest stands for what a model was trained on.
  if (file === '' || file === '.' || file === '..' || /[/\\\0]/.test(file)) throw new ConfigurationError(`the dataset's manifest.json names ${JSON.stringify(file)} for the split ${split}, which is no plain file name`);
  return file;
}

function documentOf(line: string, place: string): Document {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new ConfigurationError(`${place} is no JSON: ${messageOf(error)}`);
  }
  const text = (value as { text?: unknown } | null)?.text;
  if (typeof text !== 'string') throw new ConfigurationError(`${place} has no string text`);
  return { text };
}

/** Each document's bytes between <s> and </s>, one after the other. */
export function tokenStream(documents: readonly Document[]): Int32Array {
  const parts = documents.map(({ text }) => Buffer.from(text, 'utf8'));
  const stream = new Int32Array(parts.reduce((sum, part) => sum + part.length + 2, 0));
  let at = 0;
  for (const part of parts) {
    stream[at] = BOS;
    stream.set(part, at + 1);
    stream[at + 1 + part.length] = EOS;
    at += part.length + 2;
  }
  return stream;
}

/** Copies the windows of a step into `to`: `count` times `length` + 1 ids. They depend on seed and step alone. */
export function trainingWindows(to: Int32Array, stream: Int32Array, { seed, step, count, length }: { seed: number; step: number; count: number; length: number }): void {
  for (let window = 0; window < count; window++) {
    const start = hash32(seed, 0x64617461, step, window) % (stream.length - length);
    to.set(stream.subarray(start, start + length + 1), window * (length + 1));
  }
}

/** Window `index` of `of` that are spread evenly over a stream. */
export function evenWindow(to: Int32Array, stream: Int32Array, index: number, of: number, length: number): void {
  const start = Math.floor(((stream.length - length - 1) * index) / Math.max(1, of - 1));
  to.set(stream.subarray(start, start + length + 1));
}
