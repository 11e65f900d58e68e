import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ArtifactRef, StoreKind } from '../../src/domain/artifact.js';
import { LocalStore } from '../../src/engines/artifacts/local-store.js';
import { StoreError } from '../../src/engines/artifacts/store-error.js';

const STORES = { 'local-dir': (root: string) => new LocalStore(root) } satisfies Record<StoreKind, (root: string) => LocalStore>;

/** A small file system of its own, where the machine lets us mount one: a full disk can't be faked faithfully. */
function mountSmall(directory: string): boolean {
  try {
    mkdirSync(directory);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'modelferry-test', directory], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe.each(StoreKind.options)('%s: store contract', (kind) => {
  let place: string;
  let root: string;
  let store: LocalStore;

  beforeEach(() => {
    place = mkdtempSync(join(tmpdir(), 'modelferry-store-'));
    root = join(place, 'store');
    store = STORES[kind](root);
  });
  afterEach(() => rmSync(place, { recursive: true, force: true }));

  const tree = (name = 'model', files: Record<string, string> = { 'config.json': '{}', 'weights/1.bin': 'one', 'weights/2.bin': 'two' }): string => {
    for (const [path, text] of Object.entries(files)) {
      const file = join(place, name, path);
      mkdirSync(join(file, '..'), { recursive: true });
      writeFileSync(file, text);
    }
    return join(place, name);
  };
  const rejection = async (promise: Promise<unknown>): Promise<StoreError> => {
    const error: unknown = await promise.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof StoreError)) throw new Error(`expected a StoreError, got ${String(error)}`);
    return error;
  };
  /** Changes a stored file as a bad disk would: the file's mode and times tell nothing. */
  const damage = (file: string, change: () => void): void => {
    const { mode, atime, mtime } = statSync(file);
    chmodSync(file, 0o644);
    change();
    utimesSync(file, atime, mtime);
    chmodSync(file, mode);
  };

  it('knows equal content as each kind that it was taken in as, with what was declared of it last', async () => {
    const first = await store.add(tree(), { kind: 'checkpoint', annotations: { dtype: 'fp32' } });
    const again = await store.add(tree(), { kind: 'model', annotations: { dtype: 'fp32', layout: 'hf' } });
    expect(again.digest).toBe(first.digest);
    expect(await store.find(first.digest)).toMatchObject({ kind: 'checkpoint', annotations: { dtype: 'fp32' } });
    expect(await store.find(first.digest, 'model')).toMatchObject({ kind: 'model', annotations: { dtype: 'fp32', layout: 'hf' } });
    // As what it never was: then what it was first, so that whoever asked can tell.
    expect(await store.find(first.digest, 'dataset')).toMatchObject({ kind: 'checkpoint' });
    // Taken in once more without a word about it takes nothing back; with another word, that stands.
    await store.add(tree(), { kind: 'checkpoint' });
    expect(await store.find(first.digest, 'checkpoint')).toMatchObject({ annotations: { dtype: 'fp32' } });
    await store.add(tree(), { kind: 'checkpoint', annotations: { dtype: 'bf16' } });
    expect(await store.find(first.digest, 'checkpoint')).toMatchObject({ annotations: { dtype: 'bf16' } });
    expect(await store.verify(first.digest)).toEqual([]);
  });

  it('takes a directory in and away from where it was', async () => {
    const source = tree();
    const ref = await store.adopt(source, { kind: 'checkpoint', annotations: { step: '5' } });
    expect(ArtifactRef.parse(ref)).toEqual({ kind: 'checkpoint', uri: `store://local-dir/${ref.digest}`, digest: ref.digest, bytes: 8, annotations: { step: '5' } });
    expect(existsSync(source)).toBe(false);
    expect(readFileSync(join(await store.open(ref), 'weights/2.bin'), 'utf8')).toBe('two');
    mkdirSync(join(root, 'sha256/zz/lost+found'), { recursive: true });
    expect(await store.list()).toEqual([ref]);
    expect(await store.has(ref.digest)).toBe(true);
  });

  it('leaves the source of a copy as it is', async () => {
    const source = tree();
    const ref = await store.add(source, { kind: 'checkpoint' });
    expect(statSync(join(source, 'config.json')).mode & 0o200).toBe(0o200);
    expect((await store.adopt(source, { kind: 'checkpoint' })).digest).toBe(ref.digest);
  });

  it('keeps a single file under its own name', async () => {
    writeFileSync(join(place, 'data.jsonl'), 'x');
    const ref = await store.adopt(join(place, 'data.jsonl'), { kind: 'dataset' });
    expect(readdirSync(await store.open(ref.digest))).toEqual(['data.jsonl']);
  });

  it('gives equal content one digest, whatever it lay in and whenever it was written', async () => {
    const first = await store.add(tree('a'), { kind: 'checkpoint' });
    const second = await store.add(tree('b', { 'weights/2.bin': 'two', 'weights/1.bin': 'one', 'config.json': '{}' }), { kind: 'other' });
    expect(second.digest).toBe(first.digest);
    expect(await store.list()).toHaveLength(1);
  });

  it('makes files read-only and lets scripts stay executable', async () => {
    const source = tree('code', { 'run.sh': '#!/bin/sh', 'lib.txt': '' });
    chmodSync(join(source, 'run.sh'), 0o755);
    const data = await store.open(await store.adopt(source, { kind: 'code' }));
    expect(statSync(join(data, 'lib.txt')).mode & 0o777).toBe(0o444);
    expect(statSync(join(data, 'run.sh')).mode & 0o777).toBe(0o555);
  });

  it('lets two adopters of the same content both succeed', async () => {
    const refs = await Promise.all(['a', 'b', 'c', 'd'].map((name) => STORES[kind](root).adopt(tree(name), { kind: 'checkpoint' })));
    expect(new Set(refs.map((ref) => ref.digest)).size).toBe(1);
    expect(['a', 'b', 'c', 'd'].filter((name) => existsSync(join(place, name)))).toEqual([]);
    expect(await store.verify(refs[0]?.digest ?? '')).toEqual([]);
    expect(readdirSync(join(root, 'tmp'))).toEqual([]);
  });

  it('names every damaged file: flipped, cut short, missing, extra', async () => {
    const ref = await store.add(tree('m', { 'a.bin': 'aaaa', 'b.bin': 'bbbb', 'c.bin': 'cccc', 'd.bin': 'dddd' }), { kind: 'checkpoint' });
    const data = await store.open(ref);
    damage(join(data, 'a.bin'), () => writeFileSync(join(data, 'a.bin'), 'aaab'));
    damage(join(data, 'b.bin'), () => truncateSync(join(data, 'b.bin'), 2));
    rmSync(join(data, 'c.bin'));
    writeFileSync(join(data, 'e.bin'), '');
    expect(await store.verify(ref.digest)).toEqual([
      expect.stringMatching(/^a\.bin: content changed/),
      'b.bin: 2 bytes instead of 4',
      'c.bin: missing',
      'e.bin: not in the manifest',
    ]);
    const error = await rejection(store.open(ref));
    expect(error.code).toBe('artifact_corrupt');
    expect(error.problems).toHaveLength(4);
  });

  it('notices a changed manifest', async () => {
    const ref = await store.add(tree(), { kind: 'checkpoint' });
    const file = join(await store.open(ref), '../manifest.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace('config.json', 'konfig.json'));
    expect(await store.verify(ref.digest)).toEqual([expect.stringContaining('manifest.json')]);
  });

  it('opens a store that was moved elsewhere, and is quick again afterwards', async () => {
    const ref = await store.add(tree(), { kind: 'checkpoint' });
    execFileSync('cp', ['-r', root, join(place, 'moved')]);
    const moved = STORES[kind](join(place, 'moved'));
    const before = readFileSync(join(await moved.open(ref), '../meta.json'), 'utf8');
    expect(before).not.toBe(readFileSync(join(await store.open(ref), '../meta.json'), 'utf8'));
    await moved.open(ref);
    expect(readFileSync(join(await moved.open(ref), '../meta.json'), 'utf8')).toBe(before);
  });

  it('heals a damaged artifact when the same content comes again', async () => {
    const ref = await store.add(tree(), { kind: 'checkpoint' });
    rmSync(join(await store.open(ref), 'config.json'));
    await store.adopt(tree('again'), { kind: 'checkpoint' });
    expect(await store.verify(ref.digest)).toEqual([]);
  });

  it('says that an artifact is missing', async () => {
    const digest = `sha256:${'1'.repeat(64)}`;
    expect(await store.has(digest)).toBe(false);
    expect((await rejection(store.open(digest))).code).toBe('artifact_missing');
    expect((await rejection(store.verify(digest))).code).toBe('artifact_missing');
    expect((await rejection(store.adopt(join(place, 'nothing'), { kind: 'x' }))).code).toBe('artifact_missing');
  });

  it('refuses links, pipes and digests that would leave the store', async () => {
    const source = tree();
    symlinkSync('/etc/passwd', join(source, 'weights/link'));
    const error = await rejection(store.adopt(source, { kind: 'checkpoint' }));
    expect(error).toMatchObject({ code: 'path_refused', problems: [expect.stringContaining('weights/link')] });
    expect(existsSync(source)).toBe(true);
    rmSync(join(source, 'weights/link'));
    execFileSync('mkfifo', [join(source, 'pipe')]);
    expect((await rejection(store.add(source, { kind: 'checkpoint' }))).code).toBe('path_refused');
    expect((await rejection(store.open('sha256:../../etc'))).code).toBe('path_refused');
  });

  it('sweeps what interrupted calls left, and not what may be in use', async () => {
    mkdirSync(join(root, 'tmp/left'), { recursive: true });
    expect(await store.removeTemp()).toBe(0);
    expect(await store.removeTemp({ olderThanMs: 0 })).toBe(1);
  });

  it('copies from another file system, and says when the disk is full, leaving no half artifact and no loss', async (context) => {
    const small = join(place, 'small');
    if (!mountSmall(small)) return context.skip();
    try {
      const full = STORES[kind](join(small, 'store'));
      const ref = await full.adopt(tree('fits'), { kind: 'checkpoint' });
      expect(existsSync(join(place, 'fits'))).toBe(false);
      expect(await full.verify(ref.digest)).toEqual([]);

      const big = tree('big', { 'a.bin': 'a'.repeat(700_000), 'b.bin': 'b'.repeat(700_000) });
      const error = await rejection(full.adopt(big, { kind: 'checkpoint' }));
      expect(error.code).toBe('storage_full');
      expect(error.message).toContain('free some space');
      expect(readdirSync(big)).toEqual(['a.bin', 'b.bin']);
      expect(readdirSync(join(small, 'store/tmp'))).toEqual([]);
      expect(await full.list()).toEqual([ref]);

      // On the disk itself the move needs no room, but the manifest does: the files must come back to where they were.
      mkdirSync(join(small, 'out'));
      writeFileSync(join(small, 'out/w.bin'), 'weights');
      try {
        writeFileSync(join(small, 'filler'), Buffer.alloc(2 << 20));
      } catch {
        // It is full now, which is the point.
      }
      expect((await rejection(full.adopt(join(small, 'out'), { kind: 'checkpoint' }))).code).toBe('storage_full');
      expect(readFileSync(join(small, 'out/w.bin'), 'utf8')).toBe('weights');
    } finally {
      execFileSync('umount', [small]);
    }
  });
});
