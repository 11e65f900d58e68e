import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { oneLine } from '../../../domain/text.js';
import { capped } from './findings.js';
import type { Findings } from './findings.js';

/** What a loader cannot do without where the source has it; the audit's own list, so that a name lost in the converter's shows. */
const MUST_TRAVEL: readonly RegExp[] = [
  /^(?:generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|encoder|tekken|chat_template|processor_config)\.json$/,
  /preprocessor_config\.json$/,
  /^(?:vocab|merges)\.txt$/,
  /^(?:tokenizer|spiece|sentencepiece(?:\.bpe)?|spm)\.model(?:\.v\d+)?$/,
  /^(?:vocab\.bpe|bpe\.codes|(?:source|target)\.spm)$/,
  /\.(?:py|jinja|tiktoken)$/,
];
/** Names that no list has and that still tell of a tokenizer. */
const TELLS_OF_TOKENIZER = /token|vocab|merges|spiece|sentencepiece|bpe|\.(?:model|spm)$/i;

export interface FilesAudit {
  carried: { file: string; identical: boolean }[];
  left: string[];
}

const isWeights = (name: string): boolean => name.endsWith('.safetensors') || name === 'model.safetensors.index.json';

/**
 * Everything but the weights: what lies in the target must be the source's byte for byte, and what a loader needs must
 * be there. What is no regular file in the source is left open. config.json is `auditConfig`'s.
 */
export async function auditFiles(source: string, target: string, to: { findings: Findings; signal: AbortSignal | undefined }): Promise<FilesAudit> {
  const { findings, signal } = to;
  const theirs = new Map((await readdir(source, { withFileTypes: true })).map((entry) => [entry.name, entry]));
  const carried: FilesAudit['carried'] = [];
  const here = new Set<string>();
  for (const entry of (await readdir(target, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const { name } = entry;
    here.add(name);
    if (!entry.isFile()) {
      findings.fault(`${name}: is no regular file`);
      continue;
    }
    if (isWeights(name) || name === 'config.json') continue;
    const there = theirs.get(name);
    if (there === undefined) {
      findings.fault(`${name}: is not in the source`);
      continue;
    }
    if (!there.isFile()) {
      findings.unsure(`${name}: is no regular file in the source, so that nothing says what it must be`);
      continue;
    }
    const identical = (await sha256(join(source, name), signal)) === (await sha256(join(target, name), signal));
    carried.push({ file: name, identical });
    if (!identical) findings.fault(`${name}: differs from the source's`);
  }
  const left = [...theirs.values()].filter(({ name }) => !here.has(name) && !isWeights(name) && name !== 'config.json').sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of left) {
    if (!MUST_TRAVEL.some((pattern) => pattern.test(entry.name))) continue;
    if (entry.isFile()) findings.fault(`${entry.name}: is in the source and did not travel`);
    else findings.unsure(`${entry.name}: is no regular file in the source and did not travel`);
  }
  const perhaps = left.filter((entry) => !entry.isDirectory() && TELLS_OF_TOKENIZER.test(entry.name));
  if (perhaps.length > 0 && !carried.some(({ file }) => TELLS_OF_TOKENIZER.test(file))) findings.unsure(`no file of a tokenizer travelled, and the source has ${perhaps.slice(0, 3).map(({ name }) => name).join(', ')}${perhaps.length > 3 ? ' …' : ''}`);
  if (carried.length > 0 && carried.every(({ identical }) => identical)) findings.held(`${carried.length} carried ${carried.length === 1 ? 'file is' : 'files are'} byte for byte the source's`);
  return { carried, left: capped(left.map((entry) => oneLine(entry.isDirectory() ? `${entry.name}/` : entry.name, 200)), 100) };
}

async function sha256(path: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) {
    signal?.throwIfAborted();
    hash.update(piece as Buffer);
  }
  return hash.digest('hex');
}
