import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest, ManifestFile } from '../../domain/artifact.js';
import { digestOf } from '../../domain/digest.js';
import { StoreError, systemCode } from './store-error.js';
import { byCodeUnit, eachLimited, fileStat, listTree, sameStat } from './tree.js';
import type { FileStat, Tree } from './tree.js';

/** Large enough that the calls cost nothing beside the hashing, small enough for eight lanes on a small machine. */
const CHUNK_BYTES = 1 << 20;
const LANES = 8;

export interface HashedTree {
  manifest: Manifest;
  digest: string;
  bytes: number;
  /** Each file's state while it was hashed, by path: a later quick check compares with it. */
  stats: Record<string, FileStat>;
}

/** Hashes every file of a directory, or one file, and makes the manifest that an artifact's digest covers. */
export async function hashPath(path: string, options: { sync?: boolean } = {}): Promise<HashedTree> {
  return hashTree(await listTree(path), options);
}

/** As `hashPath`, for a tree that was listed already. `sync` also flushes each file to the disk. */
export async function hashTree(tree: Tree, options: { sync?: boolean } = {}): Promise<HashedTree> {
  const files: ManifestFile[] = [];
  const stats: Record<string, FileStat> = {};
  await eachLimited(tree.files, LANES, async (file) => {
    const hashed = await hashFile(join(tree.base, file.path), options);
    files.push({ path: file.path, bytes: hashed.stat.bytes, sha256: hashed.sha256 });
    stats[file.path] = hashed.stat;
  });
  files.sort(byCodeUnit);
  const manifest: Manifest = { schema: 'modelferry.manifest/1', files };
  return { manifest, digest: digestOf(manifest), bytes: files.reduce((sum, file) => sum + file.bytes, 0), stats };
}

/** The sha256 of one file. Throws a StoreError if the file changed meanwhile: such a hash is of no state it ever had. */
export async function hashFile(path: string, options: { sync?: boolean } = {}): Promise<{ sha256: string; stat: FileStat }> {
  const handle = await open(path, 'r');
  try {
    const before = fileStat(await handle.stat({ bigint: true }));
    const hash = createHash('sha256');
    let bytes = 0;
    // Two buffers: the next piece is read while the last one is hashed.
    const buffers = [Buffer.allocUnsafe(Math.min(CHUNK_BYTES, before.bytes + 1)), Buffer.allocUnsafe(Math.min(CHUNK_BYTES, before.bytes + 1))] as const;
    let turn: 0 | 1 = 0;
    let pending = handle.read(buffers[turn], 0, buffers[turn].length, null);
    for (;;) {
      const { bytesRead, buffer } = await pending;
      if (bytesRead === 0) break;
      turn = turn === 0 ? 1 : 0;
      pending = handle.read(buffers[turn], 0, buffers[turn].length, null);
      hash.update(buffer.subarray(0, bytesRead));
      bytes += bytesRead;
    }
    if (options.sync) await handle.sync();
    const after = fileStat(await handle.stat({ bigint: true }));
    if (!sameStat(before, after) || bytes !== after.bytes) {
      throw new StoreError('storage_error', `${path} changed while it was hashed: end whatever writes to it first`, [path]);
    }
    return { sha256: hash.digest('hex'), stat: after };
  } finally {
    await handle.close();
  }
}

/**
 * Hashes the files below `directory` and tells every difference from the manifest, each naming its file: changed,
 * cut short or grown, missing, not listed. An empty list means that the content is exactly the manifest's.
 */
export async function compareWithManifest(directory: string, manifest: Manifest): Promise<{ problems: string[]; stats: Record<string, FileStat> }> {
  const stats: Record<string, FileStat> = {};
  let tree: Tree;
  try {
    tree = await listTree(directory);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return { problems: manifest.files.map((file) => `${file.path}: missing`), stats };
    if (error instanceof StoreError) return { problems: error.problems.length > 0 ? error.problems : [error.message], stats };
    throw error;
  }
  const listed = new Map(manifest.files.map((file) => [file.path, file]));
  const found = new Map(tree.files.map((file) => [file.path, file]));
  const problems: string[] = [];
  for (const file of tree.files) if (!listed.has(file.path)) problems.push(`${file.path}: not in the manifest`);
  await eachLimited(manifest.files, LANES, async (file) => {
    const there = found.get(file.path);
    if (there === undefined) {
      problems.push(`${file.path}: missing`);
    } else if (there.bytes !== file.bytes) {
      problems.push(`${file.path}: ${there.bytes} bytes instead of ${file.bytes}`);
    } else {
      const hashed = await hashFile(join(tree.base, file.path));
      stats[file.path] = hashed.stat;
      if (hashed.sha256 !== file.sha256) problems.push(`${file.path}: content changed, its sha256 is ${hashed.sha256} instead of ${file.sha256}`);
    }
  });
  return { problems: problems.sort(), stats };
}
