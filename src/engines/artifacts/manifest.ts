import { join } from 'node:path';
import type { Manifest, ManifestFile } from '../../domain/artifact.js';
import { digestOf } from '../../domain/digest.js';
import { withHasher } from './hash-pool.js';
import { StoreError, systemCode } from './store-error.js';
import { byCodeUnit, eachLimited, listTree } from './tree.js';
import type { FileStat, Tree } from './tree.js';

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
  await withHasher(tree.files, (hash) =>
    eachLimited(tree.files, LANES, async (file) => {
      const hashed = await hash(join(tree.base, file.path), options);
      files.push({ path: file.path, bytes: hashed.stat.bytes, sha256: hashed.sha256 });
      stats[file.path] = hashed.stat;
    }),
  );
  files.sort(byCodeUnit);
  const manifest: Manifest = { schema: 'modelferry.manifest/1', files };
  return { manifest, digest: digestOf(manifest), bytes: files.reduce((sum, file) => sum + file.bytes, 0), stats };
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
  await withHasher(tree.files, (hash) =>
    eachLimited(manifest.files, LANES, async (file) => {
      const there = found.get(file.path);
      if (there === undefined) {
        problems.push(`${file.path}: missing`);
      } else if (there.bytes !== file.bytes) {
        problems.push(`${file.path}: ${there.bytes} bytes instead of ${file.bytes}`);
      } else {
        const hashed = await hash(join(tree.base, file.path), {});
        stats[file.path] = hashed.stat;
        if (hashed.sha256 !== file.sha256) problems.push(`${file.path}: content changed, its sha256 is ${hashed.sha256} instead of ${file.sha256}`);
      }
    }),
  );
  return { problems: problems.sort(), stats };
}
