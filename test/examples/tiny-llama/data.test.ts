import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../../examples/tiny-llama/src/contract.js';
import { readSplit } from '../../../examples/tiny-llama/src/train/data.js';
import { writeDataset } from './kit.js';

const someDataset = (): string => writeDataset(mkdtempSync(join(tmpdir(), 'tiny-llama-data-')), { train: 2, heldout: 1 });

/** A dataset whose manifest gives a split another file. */
function datasetNaming(file: string): string {
  const folder = someDataset();
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as { splits: Record<string, { file: string }> };
  manifest.splits['train']!.file = file;
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
  return folder;
}

function refused(read: () => unknown, message: RegExp): void {
  expect(read).toThrow(ConfigurationError);
  expect(read).toThrow(message);
}

describe('a split of the dataset', () => {
  it.each(['../train.jsonl', '/etc/hostname', 'sub/train.jsonl', String.raw`..\train.jsonl`, '..', '.', ''])('is no file outside its folder: %j', (file) => {
    refused(() => readSplit(datasetNaming(file), 'train'), /the split train, which is no plain file name$/);
  });

  it('is refused where its file is not there', () => {
    refused(() => readSplit(datasetNaming('missing.jsonl'), 'train'), /the split train cannot be read: ENOENT/);
  });

  it.each([
    ['{"text": 5}', /^train\.jsonl, line 4 has no string text$/],
    ['null', /^train\.jsonl, line 4 has no string text$/],
    ['{"text": "a"', /^train\.jsonl, line 4 is no JSON: /],
  ])('names the file and the line that is no document: %s', (line, message) => {
    const folder = someDataset();
    // An empty line counts as a line, and is no document.
    const file = join(folder, 'train.jsonl');
    writeFileSync(file, `${readFileSync(file, 'utf8')}\n${line}\n`);
    refused(() => readSplit(folder, 'train'), message);
  });

  it('gives the documents of its file alone', () => {
    expect(readSplit(someDataset(), 'train')).toHaveLength(2);
  });
});
