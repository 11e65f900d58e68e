import { closeSync, fsyncSync, linkSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { systemCode } from './store-error.js';

let counter = 0;

/** A name beside `path` that no other process or call uses. */
export function tempName(path: string): string {
  counter += 1;
  return `${path}.tmp-${process.pid}-${Date.now().toString(36)}-${counter}`;
}

/** Without this a file renamed just before a power cut may be gone although its content was flushed. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

export async function syncDirectoryAsync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function writeTemp(path: string, content: string, durable: boolean, tempDir = dirname(path)): string {
  const temp = tempName(join(tempDir, basename(path)));
  const fd = openSync(temp, 'wx');
  try {
    const bytes = Buffer.from(content);
    // A nearly full disk takes a part without an error; only the next write fails.
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
    if (durable) fsyncSync(fd);
  } catch (error) {
    rmSync(temp, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  return temp;
}

/**
 * Puts `content` at `path` as a whole or not at all, replacing what was there. `durable` survives a power cut. Where
 * every name beside `path` means something, `tempDir` is another directory of the same file system.
 */
export function writeAtomically(path: string, content: string, { durable, tempDir }: { durable: boolean; tempDir?: string }): void {
  const temp = writeTemp(path, content, durable, tempDir);
  try {
    renameSync(temp, path);
  } catch (error) {
    rmSync(temp, { force: true });
    throw error;
  }
  if (durable) syncDirectory(dirname(path));
}

/**
 * Puts `content` at `path` unless something is there already; true if it was put. Of many racing processes exactly
 * one wins. It links a complete file rather than opening with O_EXCL, so that nobody ever reads half a record; link
 * is also what stays atomic on NFS.
 */
export function createAtomically(path: string, content: string): boolean {
  const temp = writeTemp(path, content, true);
  try {
    linkSync(temp, path);
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(temp, { force: true });
  }
  syncDirectory(dirname(path));
  return true;
}

/** A file's text, or undefined where there is no such file. */
export function readIfThere(path: string): string | undefined {
  // Most looks find nothing yet, and an exception costs ten times as much as this.
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
