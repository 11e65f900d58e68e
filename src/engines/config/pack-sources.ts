import { randomUUID } from 'node:crypto';
import { lstat, mkdir, readdir, realpath, rm } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import type { ArtifactRef } from '../../domain/artifact.js';
import type { LocalStore } from '../artifacts/local-store.js';
import { hashTree } from '../artifacts/manifest.js';
import { StoreError, systemCode } from '../artifacts/store-error.js';
import { copyTree, fileStat, listTree, type Tree, type TreeFile } from '../artifacts/tree.js';

/** Code is small. More than this is data that lies beside it and belongs under `inputs`. */
const MAX_CODE_BYTES = 1024 ** 3;
const MAX_CODE_FILES = 50_000;

/** Folders of tools, not of the code; they differ from machine to machine. */
const FOLDERS_LEFT_OUT = new Set(['.git', '.hg', '.svn', 'node_modules', '__pycache__', '.venv']);
/** Files that usually hold secrets: in the store they would be readable by every job and hard to take back. */
const SECRET_FILE = /^(\.env(\..+)?|.+\.(pem|key|p12|pfx)|id_(rsa|dsa|ecdsa|ed25519)(\.pub)?|\.netrc|\.npmrc|\.pypirc|credentials(\.json)?)$/i;

/** A path that was taken into the store. */
export interface Packed {
  /** As the spec says it. */
  path: string;
  ref: ArtifactRef;
  /** Relative paths that were not taken in, in order; a folder ends with `/`. */
  leftOut: string[];
}

/**
 * Takes what a spec names by path into a store. `dir` is the spec's folder: a path that leaves it, by `..`, as an
 * absolute path or through a link, is refused, so that a spec from somewhere else cannot carry a machine's files away.
 * Throws `StoreError`.
 */
export async function packSource({ store, dir, path, kind }: { store: LocalStore; dir: string; path: string; kind: string }): Promise<Packed> {
  const real = await insideOf(dir, path);
  if (kind !== 'code') return { path, ref: await store.add(real, { kind }), leftOut: [] };
  const { tree, leftOut } = await codeTree(real, path);
  const staged = join(store.root, 'tmp', randomUUID());
  try {
    await mkdir(staged, { recursive: true });
    await copyTree(tree, staged);
    return { path, ref: await store.adopt(staged, { kind }), leftOut };
  } finally {
    await rm(staged, { recursive: true, force: true });
  }
}

/** The reference that `packSource` would give, without putting anything into a store. Reads every byte. Throws `StoreError`. */
export async function describeSource({ dir, path, kind }: { dir: string; path: string; kind: string }): Promise<ArtifactRef> {
  const real = await insideOf(dir, path);
  const { digest, bytes } = await hashTree(kind === 'code' ? (await codeTree(real, path)).tree : await listTree(real));
  return { kind, uri: `file:${path}`, digest, bytes };
}

async function insideOf(dir: string, path: string): Promise<string> {
  const refuse = (why: string): StoreError => new StoreError('path_refused', `${path} ${why}: what a spec names lies in the spec's own folder`, [path]);
  if (isAbsolute(path)) throw refuse('is an absolute path');
  if (path.split(/[\\/]/).includes('..')) throw refuse('has .. in it');
  let real: string;
  try {
    real = await realpath(resolve(dir, path));
  } catch (error) {
    if (systemCode(error) !== 'ENOENT' && systemCode(error) !== 'ENOTDIR') throw error;
    throw new StoreError('artifact_missing', `${path} does not exist in ${dir}`, [path]);
  }
  const root = await realpath(dir);
  if (real !== root && !real.startsWith(root.endsWith(sep) ? root : root + sep)) throw refuse('is a link that leads outside');
  return real;
}

/** The files of a code folder, without tools' folders and likely secrets. Links are refused: they may lead anywhere. */
async function codeTree(root: string, name: string): Promise<{ tree: Tree; leftOut: string[] }> {
  const files: TreeFile[] = [];
  const leftOut: string[] = [];
  let bytes = 0;
  const add = async (path: string, base: string): Promise<void> => {
    const stat = await lstat(join(base, path), { bigint: true });
    files.push({ path, mode: Number(stat.mode), ...fileStat(stat) });
    bytes += Number(stat.size);
    if (bytes > MAX_CODE_BYTES || files.length > MAX_CODE_FILES)
      throw new StoreError('path_refused', `${name} holds more than ${bytes > MAX_CODE_BYTES ? '1 GB' : `${MAX_CODE_FILES} files`}: keep data out of the code and give them under inputs`, [name]);
  };
  const walk = async (folder: string): Promise<void> => {
    const entries = await readdir(join(root, folder), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (FOLDERS_LEFT_OUT.has(entry.name)) leftOut.push(entry.isDirectory() ? `${path}/` : path);
      else if (SECRET_FILE.test(entry.name)) leftOut.push(path);
      else if (entry.isDirectory()) await walk(path);
      else if (entry.isFile()) await add(path, root);
      else throw new StoreError('path_refused', `${name}/${path} is ${entry.isSymbolicLink() ? 'a symbolic link: put the file itself there' : 'no regular file'}`, [path]);
    }
  };
  if ((await lstat(root)).isFile()) {
    const folder = resolve(root, '..');
    await add(relative(folder, root), folder);
    return { tree: { base: folder, isFile: true, files }, leftOut };
  }
  await walk('');
  if (files.length === 0) throw new StoreError('path_refused', `${name} holds no file to pack`, [name]);
  return { tree: { base: root, isFile: false, files }, leftOut };
}

const SHORT_DIGEST = /^(?:sha256:)?([0-9a-f]{8,63})$/;

/**
 * What a store knows of an artifact, by its digest or the beginning of one, as tables show it.
 * @throws StoreError `artifact_missing`, also for a beginning that several artifacts have
 */
export async function lookUpArtifact(store: LocalStore, digest: string): Promise<ArtifactRef> {
  const beginning = SHORT_DIGEST.exec(digest)?.[1];
  if (beginning === undefined) return await findArtifact(store, digest);
  const found = (await store.list()).filter((ref) => ref.digest.startsWith(`sha256:${beginning}`));
  const [ref] = found;
  if (ref === undefined || found.length > 1) throw new StoreError('artifact_missing', `${found.length === 0 ? 'no artifact' : `${found.length} artifacts`} in the store at ${store.root} begin${found.length > 1 ? '' : 's'} with ${digest}: give more of the digest`);
  return ref;
}

/** What a store knows of an artifact, as a kind that it was taken in as. @throws StoreError `artifact_missing` */
export async function findArtifact(store: LocalStore, digest: string, kind?: string): Promise<ArtifactRef> {
  const found = await store.find(digest, kind);
  if (found === undefined) throw new StoreError('artifact_missing', `${digest} is not in the store at ${store.root}: take it in with ferry artifact add PATH --kind KIND, or name another artifact`);
  return found;
}
