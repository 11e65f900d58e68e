import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DatasetCard } from '../../../src/domain/reports/dataset-card.js';

/** A text dataset with these held-out texts and nothing to train on. */
export function writeDataset(folder: string, texts: readonly string[], { file = 'heldout.jsonl' } = {}): void {
  mkdirSync(folder, { recursive: true });
  const size = { documents: texts.length, bytes: texts.join('').length };
  const card: DatasetCard = { schema: 'modelferry.dataset/1', sources: [], read: size, kept: size, dropped: [], splits: { heldout: { file, ...size } }, splitBy: 'a test', seed: 1 };
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(card));
  const id = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;
  writeFileSync(join(folder, 'heldout.jsonl'), texts.map((text) => `${JSON.stringify({ id: id(text), source: 'test', text })}\n`).join(''));
}
