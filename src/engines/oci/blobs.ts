import { constants } from 'node:fs';
import { chmod, copyFile, link, lstat, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openUntrusted } from '../artifacts/bounded-file.js';
import { tempName, writeAtomically } from '../artifacts/durable-file.js';
import { hashFile } from '../artifacts/hash-file.js';
import { StoreError, systemCode } from '../artifacts/store-error.js';
import type { PlannedBlob } from './release-plan.js';
import { ReleaseError } from './release-error.js';

const DIGEST = /^sha256:([0-9a-f]{64})$/;

/** Where a layout keeps a blob. A digest from a manifest that is none would be a path to anywhere. */
export function blobPath(layout: string, digest: string): string {
  const hex = DIGEST.exec(digest)?.[1];
  if (hex === undefined) throw new ReleaseError('release_damaged', `${JSON.stringify(digest.slice(0, 100))} is no digest: sha256: and 64 hexadecimal digits`);
  return join(layout, 'blobs', 'sha256', hex);
}

/** A file that is to be a blob: at `source`, which nobody writes to. */
export interface BlobFile {
  source: string;
  digest: string;
  bytes: number;
}

/**
 * Puts a file among the blobs: by a hard link where the file system can, so that a model is not stored twice, else by a
 * copy, which is hashed before it gets its name. What an earlier try left is used again, after it was hashed.
 */
export async function placeFile(layout: string, temp: string, { source, digest, bytes }: BlobFile): Promise<void> {
  const target = blobPath(layout, digest);
  // Two rounds: somebody may place the same blob between the look and the link.
  for (let round = 0; round < 2; round += 1) {
    if (await isThere(target, source, digest)) return;
    const linked = await tryLink(source, target);
    if (linked === 'exists') continue;
    if (linked === 'impossible') break;
    if ((await lstat(target)).size !== bytes) throw changed(source);
    return;
  }
  const copy = tempName(join(temp, digest.slice(-12)));
  try {
    await copyFile(source, copy, constants.COPYFILE_FICLONE);
    const { sha256, stat } = await hashFile(copy, { sync: true });
    if (`sha256:${sha256}` !== digest || stat.bytes !== bytes) throw changed(source);
    await chmod(copy, 0o444);
    await rename(copy, target);
  } finally {
    await rm(copy, { force: true });
  }
}

/** Puts a document among the blobs. It is small and always written anew: that also mends a damaged one. */
export function placeText(layout: string, temp: string, { digest, text }: PlannedBlob): void {
  writeAtomically(blobPath(layout, digest), text, { durable: true, tempDir: temp });
}

/** True for a whole blob. One that is damaged is taken away, since nothing could ever be published over it. */
async function isThere(target: string, source: string, digest: string): Promise<boolean> {
  try {
    const [there, wanted] = await Promise.all([lstat(target, { bigint: true }), lstat(source, { bigint: true })]);
    if (there.ino === wanted.ino && there.dev === wanted.dev) return true;
    if (there.isFile() && `sha256:${(await hashFile(target)).sha256}` === digest) return true;
    await rm(target, { recursive: true, force: true });
    return false;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}

async function tryLink(source: string, target: string): Promise<'linked' | 'exists' | 'impossible'> {
  try {
    await link(source, target);
    return 'linked';
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return 'exists';
    // Another device, a file system without hard links or with too many of them, or one that forbids them to us.
    if (['EXDEV', 'EPERM', 'EACCES', 'EMLINK', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'].includes(systemCode(error) ?? '')) return 'impossible';
    throw error;
  }
}

/** A small blob's text, read only as far as its descriptor says. Whether it hashes to its name is for the caller to ask. */
export async function readBlob(layout: string, { digest, size }: { digest: string; size: number }, maxBytes: number): Promise<Buffer> {
  if (size > maxBytes) throw new ReleaseError('release_damaged', `${digest} says that it has ${size} bytes; a document here has at most ${maxBytes}`);
  const path = blobPath(layout, digest);
  try {
    const handle = await openUntrusted(path);
    try {
      const there = await handle.stat();
      if (!there.isFile()) throw new ReleaseError('release_damaged', `the blob ${digest} is no regular file`);
      if (there.size !== size) throw new ReleaseError('release_damaged', `the blob ${digest} has ${there.size} bytes instead of ${size}`);
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw new ReleaseError('release_damaged', `the blob ${digest} is missing`);
    if (systemCode(error) === 'ELOOP') throw new ReleaseError('release_damaged', `the blob ${digest} is a symbolic link`);
    throw error;
  }
}

const changed = (source: string): StoreError => new StoreError('artifact_corrupt', `${source} changed while it was published`, [source]);
