import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Findings } from './findings.js';
import { messageOf } from './weights.js';

/** What a loader cannot do without where the source has it; the audit's own list, so that a name lost in the converter's shows. */
const MUST_TRAVEL: readonly RegExp[] = [
  /^(?:generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|tekken|chat_template|processor_config)\.json$/,
  /preprocessor_config\.json$/,
  /^(?:vocab|merges)\.txt$/,
  /^(?:tokenizer|spiece|sentencepiece\.bpe|spm)\.model/,
  /\.(?:py|jinja|tiktoken)$/,
];

const isWeights = (name: string): boolean => name.endsWith('.safetensors') || name === 'model.safetensors.index.json';

/**
 * Everything but the weights: what lies in the target must be the source's byte for byte, and what a loader needs must
 * be there. config.json is `auditConfig`'s.
 */
export async function auditFiles(source: string, target: string, findings: Findings): Promise<{ file: string; identical: boolean }[]> {
  const theirs = new Set((await readdir(source, { withFileTypes: true })).filter((entry) => entry.isFile()).map(({ name }) => name));
  const carried: { file: string; identical: boolean }[] = [];
  const here = new Set<string>();
  for (const entry of (await readdir(target, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const { name } = entry;
    if (!entry.isFile()) {
      findings.fault(`${name}: is no regular file`);
      continue;
    }
    here.add(name);
    if (isWeights(name) || name === 'config.json') continue;
    if (!theirs.has(name)) {
      findings.fault(`${name}: is not in the source`);
      continue;
    }
    const identical = (await sha256(join(source, name))) === (await sha256(join(target, name)));
    carried.push({ file: name, identical });
    if (!identical) findings.fault(`${name}: differs from the source's`);
  }
  for (const name of [...theirs].sort()) if (!here.has(name) && MUST_TRAVEL.some((pattern) => pattern.test(name))) findings.fault(`${name}: is in the source and did not travel`);
  if (carried.every(({ identical }) => identical)) findings.held(`${carried.length} carried ${carried.length === 1 ? 'file is' : 'files are'} byte for byte the source's`);
  return carried;
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest('hex');
}

/** config.json: equal but for the fields that name a dtype, which must be `torchDtype`, outermost `torch_dtype` among them. */
export async function auditConfig(source: string, target: string, torchDtype: string, findings: Findings): Promise<void> {
  let before: unknown;
  try {
    before = await readConfig(source);
  } catch (error) {
    findings.unsure(`the source's config.json could not be read: ${messageOf(error)}`);
    return;
  }
  try {
    const after = await readConfig(target);
    const faults: string[] = [];
    if (!isObject(after) || after['torch_dtype'] !== torchDtype) faults.push(`torch_dtype is not ${torchDtype}`);
    compare(before, after, [], { torchDtype, faults });
    for (const fault of faults) findings.fault(`config.json: ${fault}`);
    if (faults.length === 0) findings.held(`config.json is the source's but for its dtype, ${torchDtype}`);
  } catch (error) {
    findings.fault(`config.json: ${messageOf(error)}`);
  }
}

/**
 * The parsed file with each number as its text: a number that is printed anew (10000.0 as 10000, 2^53 + 1 as 2^53) is
 * a change, and the NaN and Infinity that Python writes are no JSON.
 */
async function readConfig(folder: string): Promise<unknown> {
  const text = await readFile(join(folder, 'config.json'), 'utf8');
  return JSON.parse(text.replace(/"[^"\\]*(?:\\.[^"\\]*)*"|-?(?:\d[\d.eE+-]*|Infinity)|NaN/gs, (token) => (token.startsWith('"') ? token : `"number ${token}"`)));
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

function compare(before: unknown, after: unknown, path: readonly string[], to: { torchDtype: string; faults: string[] }): void {
  if (!isObject(before) || !isObject(after)) {
    if (JSON.stringify(before) !== JSON.stringify(after)) to.faults.push(`${path.join('.') || 'the whole'} changed from ${show(before)} to ${show(after)}`);
    return;
  }
  const mayName = path.every((key) => key.endsWith('_config'));
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const at = [...path, key];
    if (mayName && (key === 'torch_dtype' || key === 'dtype')) {
      const added = !Object.hasOwn(before, key) && !(key === 'torch_dtype' && path.length === 0);
      if (after[key] !== to.torchDtype || added) to.faults.push(`${at.join('.')} is ${show(after[key])}`);
    } else {
      compare(before[key], after[key], at, to);
    }
  }
}

const show = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 60));
