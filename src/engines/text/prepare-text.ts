import { createHash } from 'node:crypto';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '../../domain/digest.js';
import type { DatasetCard } from '../../domain/reports/dataset-card.js';
import { openUntrusted, readUpTo } from '../artifacts/bounded-file.js';
import { unfitness } from './judge-text.js';
import type { Unfit } from './judge-text.js';
import { listDocuments, TextSourceError } from './list-documents.js';
import type { DocumentRoot, FoundDocument } from './list-documents.js';
import { decodeText } from './normalise.js';
import type { Decoded } from './normalise.js';
import { heldOutFamilies, seededHash } from './split-families.js';

/** A text file this large is data; it is left out unread. */
export const MAX_FILE_BYTES = 2 * 1024 * 1024;

export type DropReason = 'too large' | Extract<Decoded, { reason: string }>['reason'] | Unfit | 'duplicate' | 'over maxBytes';

export interface PrepareTextOptions {
  roots: readonly DocumentRoot[];
  /** The folder that becomes the dataset; made here. */
  output: string;
  /** Share of the kept bytes that is wanted in the held-out part. */
  heldOut: number;
  /** Most bytes of kept text, train and held-out together. */
  maxBytes: number;
  seed: number;
  signal: AbortSignal;
  /** Told now and then of the documents that were looked at, and at the end, when those over `maxBytes` are dropped too. */
  onProgress(step: number, total: number, metrics: { kept: number; dropped: number; duplicates: number; bytes: number }): void;
}

interface Kept extends FoundDocument {
  id: string;
  textBytes: number;
}

interface Size {
  documents: number;
  bytes: number;
}

/**
 * Makes a text dataset: `manifest.json` (DatasetCard), `train.jsonl` and `heldout.jsonl` with lines of
 * `{id, source, text}` in an order shuffled by the seed. The same files and options give the same bytes, wherever the
 * files lie. Files are read one at a time, and those that are kept twice: first to judge, then to write, so that no
 * more than one text is in memory. Throws TextSourceError where the sources can't make a dataset.
 */
export async function prepareText(options: PrepareTextOptions): Promise<DatasetCard> {
  const found = await listDocuments(options.roots, options.signal);
  const dropped = new Map<DropReason, Size>();
  const fit = await judge(found, dropped, options);
  const kept = sample(fit, dropped, options);

  const families = new Map<string, number>();
  for (const { family, textBytes } of kept) families.set(family, (families.get(family) ?? 0) + textBytes);
  const heldOut = heldOutFamilies(families, options.heldOut, options.seed);
  if (heldOut === undefined) {
    throw new TextSourceError(`${kept.length} of ${found.length} documents can be kept, from ${families.size} families: at least two are needed, one to train on and one to hold out`);
  }

  await mkdir(options.output, { recursive: true });
  const train = await write(join(options.output, 'train.jsonl'), kept.filter(({ family }) => !heldOut.has(family)), options.signal);
  const held = await write(join(options.output, 'heldout.jsonl'), kept.filter(({ family }) => heldOut.has(family)), options.signal);
  const card: DatasetCard = {
    schema: 'modelferry.dataset/1',
    sources: sizesBySource(found),
    read: { documents: found.length, bytes: found.reduce((sum, { bytes }) => sum + bytes, 0) },
    kept: { documents: train.documents + held.documents, bytes: train.bytes + held.bytes },
    dropped: [...dropped].map(([reason, size]) => ({ reason, ...size })).sort((a, b) => b.documents - a.documents || (a.reason < b.reason ? -1 : 1)),
    splits: { train: { file: 'train.jsonl', ...train }, heldout: { file: 'heldout.jsonl', ...held } },
    splitBy: 'Whole package families (the scope, or the package; below a folder its first part), ordered by a hash of seed and name; equal texts are kept once. Near copies between families are not looked for.',
    seed: options.seed,
  };
  // Canonical, so that the dataset's digest depends on nothing but its content.
  await writeFile(join(options.output, 'manifest.json'), `${canonicalJson(card)}\n`);
  options.onProgress(found.length, found.length, {
    kept: card.kept.documents,
    dropped: found.length - card.kept.documents,
    duplicates: dropped.get('duplicate')?.documents ?? 0,
    bytes: card.kept.bytes,
  });
  return card;
}

/** The documents that are fit, each text once. Every other one is counted under its first reason. */
async function judge(found: readonly FoundDocument[], dropped: Map<DropReason, Size>, { signal, onProgress }: PrepareTextOptions): Promise<Kept[]> {
  const kept: Kept[] = [];
  const seen = new Set<string>();
  const totals = { kept: 0, dropped: 0, duplicates: 0, bytes: 0 };
  const tellEvery = Math.max(1, Math.floor(found.length / 50));
  for (const [index, document] of found.entries()) {
    signal.throwIfAborted();
    const judged = await judgeOne(document, seen);
    if (typeof judged === 'string') {
      drop(dropped, judged, document);
      totals.dropped += 1;
      if (judged === 'duplicate') totals.duplicates += 1;
    } else {
      seen.add(judged.id);
      kept.push(judged);
      totals.kept += 1;
      totals.bytes += judged.textBytes;
    }
    if ((index + 1) % tellEvery === 0 || index + 1 === found.length) onProgress(index + 1, found.length, { ...totals });
  }
  return kept;
}

async function judgeOne(document: FoundDocument, seen: ReadonlySet<string>): Promise<Kept | DropReason> {
  if (document.bytes > MAX_FILE_BYTES) return 'too large';
  const decoded = decodeText(await readWhole(document));
  if ('reason' in decoded) return decoded.reason;
  const unfit = unfitness(decoded.text);
  if (unfit !== undefined) return unfit;
  const id = idOf(decoded.text);
  return seen.has(id) ? 'duplicate' : { ...document, id, textBytes: Buffer.byteLength(decoded.text) };
}

/** In the seed's order, as many whole documents as fit into `maxBytes`; one that does not fit makes room for smaller ones. */
function sample(fit: readonly Kept[], dropped: Map<DropReason, Size>, { maxBytes, seed }: PrepareTextOptions): Kept[] {
  const ordered = fit.map((document) => ({ document, rank: seededHash(seed, document.id) })).sort((a, b) => a.rank - b.rank || (a.document.id < b.document.id ? -1 : 1));
  let bytes = 0;
  return ordered.flatMap(({ document }) => {
    if (bytes + document.textBytes > maxBytes) {
      drop(dropped, 'over maxBytes', document);
      return [];
    }
    bytes += document.textBytes;
    return [document];
  });
}

async function write(path: string, documents: readonly Kept[], signal: AbortSignal): Promise<Size> {
  const file = await open(path, 'w');
  try {
    let bytes = 0;
    for (const document of documents) {
      signal.throwIfAborted();
      const decoded = decodeText(await readWhole(document));
      if ('reason' in decoded || idOf(decoded.text) !== document.id) throw new Error(`a document of ${document.source} changed while it was read: end whatever writes to it first`);
      await file.appendFile(`${JSON.stringify({ id: document.id, source: document.source, text: decoded.text })}\n`);
      bytes += document.textBytes;
    }
    return { documents: documents.length, bytes };
  } finally {
    await file.close();
  }
}

/** Not through a link that was put in a file's place since it was listed. */
async function readWhole({ file, bytes }: FoundDocument): Promise<Buffer> {
  const handle = await openUntrusted(file);
  try {
    return await readUpTo(handle, Buffer.alloc(bytes), 0);
  } finally {
    await handle.close();
  }
}

const idOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

function drop(dropped: Map<DropReason, Size>, reason: DropReason, { bytes }: FoundDocument): void {
  const before = dropped.get(reason) ?? { documents: 0, bytes: 0 };
  dropped.set(reason, { documents: before.documents + 1, bytes: before.bytes + bytes });
}

function sizesBySource(found: readonly FoundDocument[]): DatasetCard['sources'] {
  const sizes = new Map<string, Size>();
  for (const { source, bytes } of found) {
    const before = sizes.get(source) ?? { documents: 0, bytes: 0 };
    sizes.set(source, { documents: before.documents + 1, bytes: before.bytes + bytes });
  }
  return [...sizes].map(([name, size]) => ({ name, ...size })).sort((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1));
}
