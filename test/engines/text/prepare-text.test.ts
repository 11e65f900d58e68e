import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DatasetCard } from '../../../src/domain/reports/dataset-card.js';
import { TextSourceError } from '../../../src/engines/text/list-documents.js';
import { MAX_FILE_BYTES, prepareText } from '../../../src/engines/text/prepare-text.js';
import type { PrepareTextOptions } from '../../../src/engines/text/prepare-text.js';
import { seededHash } from '../../../src/engines/text/split-families.js';

let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'modelferry-text-'));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

const prose = (about: string, lines = 10): string => `# ${about}\n\n${Array.from({ length: lines }, (_, line) => `Line ${line} tells something of ${about} to whoever reads it.\n`).join('')}`;

function put(root: string, files: Record<string, string | Uint8Array>): string {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(place, root, path)), { recursive: true });
    writeFileSync(join(place, root, path), content);
  }
  return join(place, root);
}

interface Prepared {
  card: DatasetCard;
  train: { id: string; source: string; text: string }[];
  heldOut: { id: string; source: string; text: string }[];
  digests: string[];
}

let outputs = 0;
async function prepare(base: string, options: Partial<PrepareTextOptions> = {}, kind: 'packages' | 'folder' = 'packages', path = '.'): Promise<Prepared> {
  const output = join(place, `out-${outputs++}`);
  await prepareText({ roots: [{ kind, base, path, extensions: ['.md'] }], output, heldOut: 0.2, maxBytes: 1e9, seed: 1, signal: new AbortController().signal, onProgress: () => {}, ...options });
  const files = ['manifest.json', 'train.jsonl', 'heldout.jsonl'].map((name) => readFileSync(join(output, name), 'utf8'));
  const lines = (text = ''): Prepared['train'] => text.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Prepared['train'][number]);
  return {
    card: DatasetCard.parse(JSON.parse(files[0] ?? '')),
    train: lines(files[1]),
    heldOut: lines(files[2]),
    digests: files.map((file) => createHash('sha256').update(file).digest('hex')),
  };
}

/** A corpus by chance: packages with scopes and nesting, copies within and between them, stubs. */
function corpus(seed: number): Record<string, string> {
  const chance = (what: string, below: number): number => Math.floor(seededHash(seed, what) * below);
  const files: Record<string, string> = {};
  for (let index = 0; index < 25; index += 1) {
    const name = chance(`scoped ${index}`, 3) === 0 ? `@scope-${chance(`scope ${index}`, 4)}/package-${index}` : `package-${index}`;
    const nested = chance(`nested ${index}`, 5) === 0 ? `host-${index}/node_modules/${name}` : name;
    for (let file = 0; file <= chance(`files ${index}`, 4); file += 1) {
      const about = chance(`copy ${index} ${file}`, 4) === 0 ? `a text that many have, number ${chance(`which ${index} ${file}`, 3)}` : `${name} ${file}`;
      files[`${nested}/docs/${file}.md`] = prose(about, 1 + chance(`lines ${index} ${file}`, 40));
    }
  }
  return files;
}

describe('no leak between the splits', () => {
  it('has no text, source or family on both sides and loses no document, for 20 corpora by chance', { timeout: 30_000 }, async () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const { card, train, heldOut } = await prepare(put(`corpus-${seed}`, corpus(seed)), { seed });
      const family = (source: string): string => source.split('/', 1).join();
      const both = (of: (line: Prepared['train'][number]) => string): string[] => heldOut.map(of).filter((value) => train.map(of).includes(value));
      expect(train.length * heldOut.length).toBeGreaterThan(0);
      expect([both(({ id }) => id), both(({ text }) => text), both(({ source }) => source), both(({ source }) => family(source))]).toEqual([[], [], [], []]);
      expect(new Set([...train, ...heldOut].map(({ text }) => text)).size).toBe(card.kept.documents);
      expect(card.kept.documents + card.dropped.reduce((sum, { documents }) => sum + documents, 0)).toBe(card.read.documents);
      for (const { id, text } of [...train, ...heldOut]) expect(id).toBe(`sha256:${createHash('sha256').update(text).digest('hex')}`);
    }
  });

  it('names a nested package by its own name, so that a copy elsewhere is on the same side', async () => {
    const files = { 'a/README.md': prose('a'), 'a/node_modules/@s/b/README.md': prose('older b'), '@s/b/README.md': prose('b'), 'c/README.md': prose('c') };
    const { card } = await prepare(put('nested', files));
    expect(card.sources.map(({ name, documents }) => [name, documents])).toEqual([['@s/b', 2], ['a', 1], ['c', 1]]);
  });
});

describe('the bytes of a dataset', () => {
  it('are the same wherever the files lie and in whatever order they were made', async () => {
    const files = Object.entries(corpus(3));
    const one = await prepare(put('one', Object.fromEntries(files)));
    const other = await prepare(put('somewhere/else', Object.fromEntries(files.toReversed())));
    expect(other.digests).toEqual(one.digests);
    expect(JSON.stringify(one)).not.toContain(place);
    expect((await prepare(join(place, 'one'), { seed: 2 })).digests).not.toEqual(one.digests);
  });

  it('count a text for the first of its sources by name, not for the one that the file system tells first', async () => {
    const copies = Object.fromEntries(['m', 'b', 'z', 'a', 'k'].map((name) => [`${name}/README.md`, prose('the same')]));
    const { train, heldOut } = await prepare(put('copies', { ...copies, 'other/README.md': prose('other') }));
    expect([...train, ...heldOut].map(({ source }) => source).toSorted()).toEqual(['a', 'other']);
  });

  it('keep whole documents up to maxBytes, the same ones each time', async () => {
    const base = put('limited', corpus(5));
    const all = await prepare(base);
    const some = await prepare(base, { maxBytes: Math.floor(all.card.kept.bytes / 3) });
    expect(some.card.kept.bytes).toBeLessThanOrEqual(all.card.kept.bytes / 3);
    expect(some.card.kept.bytes).toBeGreaterThan(all.card.kept.bytes / 4);
    const texts = new Set([...all.train, ...all.heldOut].map(({ text }) => text));
    expect([...some.train, ...some.heldOut].every(({ text }) => texts.has(text))).toBe(true);
    expect(some.card.dropped.find(({ reason }) => reason === 'over maxBytes')?.documents).toBe(all.card.kept.documents - some.card.kept.documents);
    expect((await prepare(base, { maxBytes: Math.floor(all.card.kept.bytes / 3) })).digests).toEqual(some.digests);
  });
});

it('counts each document once, under the first reason for which it is dropped', async () => {
  const base = put('reasons', {
    'a/README.md': prose('a'),
    'b/README.md': prose('b'),
    'b/copy.md': `\ufeff${prose('b').replaceAll('\n', '  \r\n')}`,
    'b/huge.md': 'word '.repeat(MAX_FILE_BYTES / 5 + 1),
    'b/latin1.md': Buffer.from(prose('caf\u00e9'), 'latin1'),
    'b/picture.md': Buffer.from([0x89, 0x50, 0, 1]),
    'b/stub.md': 'See there.\n',
    'b/minified.md': `${'var a=1;'.repeat(1000)}\n`,
    'b/numbers.md': '1 2 3 4 5 6 7\n'.repeat(100),
    'b/index.js': prose('code'),
    'b/.hidden.md': prose('hidden'),
    'b/UPPER.MD': prose('upper'),
  });
  const steps: unknown[] = [];
  const { card } = await prepare(base, { onProgress: (...told) => steps.push(told) });
  expect(card.dropped.map(({ reason, documents }) => [reason, documents])).toEqual(['binary', 'duplicate', 'few words', 'long lines', 'not UTF-8', 'too large', 'too short'].map((reason) => [reason, 1]));
  expect(card.read.documents).toBe(10);
  expect(steps.at(-1)).toEqual([10, 10, { kept: 3, dropped: 7, duplicates: 1, bytes: card.kept.bytes }]);
});

describe('a source', () => {
  it.each([
    ['..', 'has .. in it'],
    ['docs/../../x', 'has .. in it'],
    ['/etc', 'is an absolute path'],
    ['out', 'is a link that leads outside'],
    ['none', 'does not exist'],
    ['file.md', 'is no folder'],
  ])('%s is refused: it %s', async (path, why) => {
    const base = put('base', { 'docs/a.md': prose('a'), 'file.md': prose('b') });
    symlinkSync(put('outside', { 'secret/x.md': prose('secret') }), join(base, 'out'));
    const refused = prepare(base, {}, 'folder', path);
    await expect(refused).rejects.toThrow(TextSourceError);
    await expect(refused).rejects.toThrow(why);
  });

  it('with links into loops and outside is read without them', async () => {
    const base = put('linked', { 'a/x.md': prose('a'), 'b/y.md': prose('b') });
    const outside = put('outside', { 'x.md': prose('secret') });
    symlinkSync('..', join(base, 'a/loop'));
    symlinkSync(outside, join(base, 'a/outside'));
    symlinkSync(join(outside, 'x.md'), join(base, 'b/z.md'));
    expect((await prepare(base, {}, 'folder')).card.read.documents).toBe(2);
  });

  it('may itself be reached by a link of the caller', async () => {
    symlinkSync(put('real', { 'a/x.md': prose('a'), 'b/y.md': prose('b') }), join(place, 'link'));
    expect((await prepare(join(place, 'link'))).card.kept.documents).toBe(2);
  });

  it('that has nothing to split is refused with what was found', async () => {
    await expect(prepare(put('few', { 'a/x.md': prose('a'), 'a/y.md': 'stub', 'b/y.md': 'stub' }))).rejects.toThrow('1 of 3 documents can be kept, from 1 families');
  });
});

it('stops when it is told to', async () => {
  const stop = new AbortController();
  const base = put('stopped', corpus(1));
  await expect(prepare(base, { signal: stop.signal, onProgress: () => stop.abort() })).rejects.toThrow(/abort/i);
});

it('takes a text whole from a file system that gives less than it is asked for', async () => {
  const base = put('in', corpus(3));
  const { digests } = await prepare(base);
  const handle = await open(join(place, 'in'));
  const prototype = Object.getPrototypeOf(handle) as { read: (buffer: Buffer, offset: number, length: number, position: number) => Promise<unknown> };
  await handle.close();
  // The method of the prototype, called on the handle that it was asked of.
  const whole = Reflect.get(prototype, 'read') as (...args: unknown[]) => Promise<unknown>;
  const short = vi.spyOn(prototype, 'read').mockImplementation(function (this: unknown, buffer, offset, length, position) {
    return whole.call(this, buffer, offset, Math.min(length, 100), position);
  });
  try {
    expect((await prepare(base)).digests).toEqual(digests);
    expect(short).toHaveBeenCalled();
  } finally {
    short.mockRestore();
  }
});
