import { randomUUID } from 'node:crypto';
import { chmod, lstat, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ArtifactRef, Manifest, ManifestFile } from '../../domain/artifact.js';
import { digestOf } from '../../domain/digest.js';
import { syncDirectoryAsync, writeAtomically } from './durable-file.js';
import { compareWithManifest, hashTree } from './manifest.js';
import type { HashedTree } from './manifest.js';
import { readKind, rememberKind } from './other-kinds.js';
import { StoreError, systemCode, toStoreError } from './store-error.js';
import { copyTree, eachLimited, fileStat, listTree, sameStat } from './tree.js';
import type { FileStat, Tree } from './tree.js';

export interface TakeInOptions {
  kind: string;
  annotations?: Record<string, string>;
}

/** A file of an artifact and where the store keeps it. */
export interface StoredFile extends ManifestFile {
  source: string;
}

interface Meta {
  schema: 'modelferry.artifact/1';
  kind: string;
  annotations?: Record<string, string>;
  bytes: number;
  addedAt: string;
  /** What `open` compares each file with, instead of reading it. */
  stats: Record<string, FileStat>;
}

const DIGEST = /^sha256:([0-9a-f]{64})$/;
/** A job that takes in a large output may take hours over it; its temporary directory must not be swept meanwhile. */
const TEMP_MAX_AGE_MS = 24 * 3_600_000;

/** Where a store keeps an artifact's files. Pure: it says where they would be, not that they are. */
export function artifactDataDir(root: string, digest: string): string {
  return join(artifactDir(root, digest), 'data');
}

function artifactDir(root: string, digest: string): string {
  const hex = DIGEST.exec(digest)?.[1];
  if (hex === undefined) throw new StoreError('path_refused', `${digest.slice(0, 100)} is no digest: sha256: and 64 hexadecimal digits`);
  return join(root, 'sha256', hex.slice(0, 2), hex);
}

/**
 * A content-addressed store in a directory:
 * `<root>/sha256/<hh>/<hex>/{manifest.json,meta.json,data/…}`. An artifact is built under `<root>/tmp` and renamed into
 * its place, so it is there as a whole or not at all. All methods throw `StoreError`.
 */
export class LocalStore {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  /** Takes a file or directory into the store and away from where it is: hashed once, moved by rename where that is possible. */
  async adopt(path: string, options: TakeInOptions): Promise<ArtifactRef> {
    return this.#guard(`taking in ${path}`, async (stage) => {
      const tree = await listTree(path);
      const hashed = await hashTree(tree, { sync: true });
      if (await this.#isWhole(hashed.digest)) {
        await this.#keepKind(hashed.digest, options);
        await rm(path, { recursive: true, force: true });
        return this.#ref(hashed, options);
      }
      const data = join(stage, 'data');
      if (await moveIn(path, tree, data)) {
        try {
          await settle(data, hashed);
          await this.#publish(stage, hashed, options);
        } catch (error) {
          // The temporary directory is about to be removed, and these files exist nowhere else.
          await rename(tree.isFile ? join(data, basename(path)) : data, path);
          throw error;
        }
        return this.#ref(hashed, options);
      }
      const copied = await this.#copyIn(tree, data);
      if (copied.digest !== hashed.digest) throw new StoreError('storage_error', `${path} changed while it was copied: end whatever writes to it first`, [path]);
      await this.#publish(stage, copied, options);
      await rm(path, { recursive: true, force: true });
      return this.#ref(copied, options);
    });
  }

  /** Takes a copy of a file or directory into the store; the source stays as it is. */
  async add(path: string, options: TakeInOptions): Promise<ArtifactRef> {
    return this.#guard(`copying ${path}`, async (stage) => {
      const tree = await listTree(path);
      const copied = await this.#copyIn(tree, join(stage, 'data'));
      await this.#publish(stage, copied, options);
      return this.#ref(copied, options);
    });
  }

  async has(digest: string): Promise<boolean> {
    try {
      await stat(join(artifactDir(this.root, digest), 'manifest.json'));
      return true;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return false;
      throw toStoreError(error, `looking for ${digest}`);
    }
  }

  /**
   * The directory of an artifact's files, after a check of each file's size, modification time and inode. Where one
   * differs (the store was moved or restored, or a file was touched) everything is hashed, and the artifact is
   * refused only if its content is wrong.
   */
  async open(artifact: ArtifactRef | string): Promise<string> {
    const digest = typeof artifact === 'string' ? artifact : artifact.digest;
    const data = artifactDataDir(this.root, digest);
    if (await this.#isWhole(digest)) return data;
    const problems = await this.verify(digest);
    if (problems.length > 0) throw corrupt(digest, problems);
    return data;
  }

  /** The artifact's files with where each lies, after the check of `open`. Nobody may write to them. */
  async files(digest: string): Promise<StoredFile[]> {
    const data = await this.open(digest);
    const manifest = await this.#manifest(digest);
    if (manifest === undefined) throw corrupt(digest, ['manifest.json: unreadable']);
    return manifest.files.map((file) => ({ ...file, source: join(data, file.path) }));
  }

  /** Hashes the whole artifact and names every file that is wrong; an empty list means that it is whole. */
  async verify(digest: string): Promise<string[]> {
    const directory = artifactDir(this.root, digest);
    try {
      const manifest = await this.#manifest(digest);
      if (manifest === undefined) return ['manifest.json: unreadable'];
      if (digestOf(manifest) !== digest) return [`manifest.json: its digest is ${digestOf(manifest)} instead of ${digest}`];
      const { problems, stats } = await compareWithManifest(join(directory, 'data'), manifest);
      if (problems.length === 0) await this.#refreshStats(directory, manifest, stats);
      return problems;
    } catch (error) {
      throw toStoreError(error, `checking ${digest}`);
    }
  }

  /** Every artifact of the store, in the order of digests. Half-removed ones are left out. */
  async list(): Promise<ArtifactRef[]> {
    const refs: ArtifactRef[] = [];
    const top = join(this.root, 'sha256');
    for (const prefix of await namesIn(top)) {
      for (const hex of await namesIn(join(top, prefix))) {
        // A file manager or a backup may have left something of its own here.
        const ref = DIGEST.test(`sha256:${hex}`) ? await this.find(`sha256:${hex}`) : undefined;
        if (ref !== undefined) refs.push(ref);
      }
    }
    return refs;
  }

  /**
   * The reference of an artifact that the store has, as the given kind if it was ever taken in as that, otherwise as
   * what it was first. Whether its files are whole is for `open` and `verify` to say.
   */
  async find(digest: string, as?: string): Promise<ArtifactRef | undefined> {
    const directory = artifactDir(this.root, digest);
    const meta = await readMeta(directory);
    if (meta === undefined) return undefined;
    const kind = as ?? meta.kind;
    const again = await readKind(directory, kind);
    const found = again === undefined ? meta : { kind, annotations: again.annotations };
    return { kind: found.kind, uri: uriOf(digest), digest, bytes: meta.bytes, ...(found.annotations && { annotations: found.annotations }) };
  }

  /** Removes what interrupted calls left under `tmp`; returns how many entries. Younger ones may be in use. */
  async removeTemp({ olderThanMs = TEMP_MAX_AGE_MS }: { olderThanMs?: number } = {}): Promise<number> {
    const temp = join(this.root, 'tmp');
    let removed = 0;
    for (const name of await namesIn(temp)) {
      const entry = join(temp, name);
      const age = await stat(entry).then((found) => Date.now() - found.mtimeMs, () => -1);
      if (age < olderThanMs) continue;
      await rm(entry, { recursive: true, force: true });
      removed += 1;
    }
    return removed;
  }

  /** Gives `work` a directory of its own on the store's file system; nothing of it stays, whatever happens. */
  async #guard<T>(doing: string, work: (stage: string) => Promise<T>): Promise<T> {
    const stage = join(this.root, 'tmp', randomUUID());
    try {
      await mkdir(stage, { recursive: true });
      return await work(stage);
    } catch (error) {
      throw toStoreError(error, doing);
    } finally {
      await rm(stage, { recursive: true, force: true });
    }
  }

  async #copyIn(tree: Tree, data: string): Promise<HashedTree> {
    await copyTree(tree, data);
    const copy = await listTree(data);
    await makeReadOnly(data, copy);
    return hashTree(copy, { sync: true });
  }

  async #publish(stage: string, hashed: HashedTree, options: TakeInOptions): Promise<void> {
    const target = artifactDir(this.root, hashed.digest);
    const meta: Meta = {
      schema: 'modelferry.artifact/1',
      kind: options.kind,
      ...(options.annotations && { annotations: options.annotations }),
      bytes: hashed.bytes,
      addedAt: new Date().toISOString(),
      stats: hashed.stats,
    };
    writeAtomically(join(stage, 'manifest.json'), JSON.stringify(hashed.manifest), { durable: true });
    writeAtomically(join(stage, 'meta.json'), JSON.stringify(meta), { durable: true });
    const directories = new Set(hashed.manifest.files.map((file) => dirname(join(stage, 'data', file.path))));
    for (const directory of directories) await syncDirectoryAsync(directory);
    await syncDirectoryAsync(stage);
    await mkdir(dirname(target), { recursive: true });
    // A few rounds are enough: each failed rename means that somebody else put the artifact there or took a broken one away.
    for (let round = 0; round < 5; round += 1) {
      try {
        await rename(stage, target);
        await syncDirectoryAsync(dirname(target));
        return;
      } catch (error) {
        if (systemCode(error) !== 'ENOTEMPTY' && systemCode(error) !== 'EEXIST') throw error;
      }
      // Another adopter of the same content was first; what is there is as good as ours if it is whole.
      if ((await this.#isWhole(hashed.digest)) || (await this.verify(hashed.digest)).length === 0) return await this.#keepKind(hashed.digest, options);
      const broken = join(this.root, 'tmp', randomUUID());
      await rename(target, broken).catch(() => undefined);
      await rm(broken, { recursive: true, force: true });
    }
    throw new StoreError('storage_error', `could not put ${hashed.digest} into the store: another process keeps replacing it`);
  }

  /** Where the same content is taken in as something else than before. */
  async #keepKind(digest: string, { kind, annotations }: TakeInOptions): Promise<void> {
    const known = await this.find(digest, kind);
    if (known?.kind !== kind || (annotations !== undefined && digestOf(known.annotations ?? {}) !== digestOf(annotations))) rememberKind(artifactDir(this.root, digest), kind, annotations);
  }

  #ref(hashed: HashedTree, options: TakeInOptions): ArtifactRef {
    return { kind: options.kind, uri: uriOf(hashed.digest), digest: hashed.digest, bytes: hashed.bytes, ...(options.annotations && { annotations: options.annotations }) };
  }

  /** The quick check. It says false too where there is no such artifact. */
  async #isWhole(digest: string): Promise<boolean> {
    const directory = artifactDir(this.root, digest);
    const [meta, manifest] = await Promise.all([readMeta(directory), this.#manifest(digest).catch(() => undefined)]);
    if (meta === undefined || manifest === undefined) return false;
    try {
      let whole = true;
      await eachLimited(manifest.files, 16, async ({ path }) => {
        const recorded = meta.stats[path];
        const now = fileStat(await lstat(join(directory, 'data', path), { bigint: true }));
        if (recorded === undefined || !sameStat(now, recorded)) whole = false;
      });
      return whole;
    } catch {
      return false;
    }
  }

  async #manifest(digest: string): Promise<Manifest | undefined> {
    let text: string;
    try {
      text = await readFile(join(artifactDir(this.root, digest), 'manifest.json'), 'utf8');
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
      throw new StoreError('artifact_missing', `${digest} is not in the store at ${this.root}: take it in again, or name another artifact`);
    }
    try {
      const value = JSON.parse(text) as Manifest;
      return value.schema === 'modelferry.manifest/1' && Array.isArray(value.files) ? value : undefined;
    } catch {
      return undefined;
    }
  }

  /** After a whole check proved the content, the next `open` may be quick again. */
  async #refreshStats(directory: string, manifest: Manifest, stats: Record<string, FileStat>): Promise<void> {
    const meta = await readMeta(directory);
    const changed = meta === undefined || manifest.files.some(({ path }) => !sameStat(meta.stats[path] ?? NO_STAT, stats[path] ?? NO_STAT));
    if (meta !== undefined && changed) writeAtomically(join(directory, 'meta.json'), JSON.stringify({ ...meta, stats }), { durable: false });
  }
}

const NO_STAT: FileStat = { bytes: -1, mtimeNs: '', inode: '' };

const uriOf = (digest: string): string => `store://local-dir/${digest}`;

function corrupt(digest: string, problems: string[]): StoreError {
  const more = problems.length > 1 ? ` and ${problems.length - 1} more` : '';
  return new StoreError('artifact_corrupt', `${digest} is damaged: ${problems[0] ?? ''}${more}`, problems);
}

/** False where the path is on another file system, or may not be moved: then only a copy helps. */
async function moveIn(path: string, tree: Tree, data: string): Promise<boolean> {
  try {
    if (tree.isFile) {
      await mkdir(data);
      await rename(path, join(data, basename(path)));
    } else {
      await rename(path, data);
    }
    return true;
  } catch (error) {
    if (['EXDEV', 'EPERM', 'EACCES'].includes(systemCode(error) ?? '')) return false;
    throw error;
  }
}

/** Closes the moved files to writers and makes sure that nobody wrote between the hash and the move. */
async function settle(data: string, hashed: HashedTree): Promise<void> {
  const moved = await listTree(data);
  await makeReadOnly(data, moved);
  const same = moved.files.length === hashed.manifest.files.length && moved.files.every((file) => sameStat(file, hashed.stats[file.path] ?? NO_STAT));
  if (!same) throw new StoreError('storage_error', 'the files changed while they were taken in: end whatever writes to them first');
}

/** Mode 0444, keeping the right to execute: a code artifact's scripts must still start. */
async function makeReadOnly(data: string, tree: Tree): Promise<void> {
  await eachLimited(tree.files, 16, (file) => chmod(join(data, file.path), 0o444 | (file.mode & 0o111)));
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return [];
    throw toStoreError(error, `listing ${directory}`);
  }
}

async function readMeta(directory: string): Promise<Meta | undefined> {
  try {
    const value = JSON.parse(await readFile(join(directory, 'meta.json'), 'utf8')) as Meta;
    return value.schema === 'modelferry.artifact/1' ? value : undefined;
  } catch {
    return undefined;
  }
}
