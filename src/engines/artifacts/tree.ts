import { constants } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { chmod, copyFile, link, lstat, mkdir, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { StoreError } from './store-error.js';

/** More files than this make a manifest that nothing downstream can hold; such data belongs into shards. */
const MAX_FILES = 100_000;
const MAX_PATH_LENGTH = 1024;

/** What a quick check compares: a file that was rewritten, replaced or cut short differs in one of these. */
export interface FileStat {
  bytes: number;
  mtimeNs: string;
  inode: string;
}

export interface TreeFile extends FileStat {
  /** Relative to the tree's root, with `/` between its parts. */
  path: string;
  mode: number;
}

export interface Tree {
  /** The directory that `path` of each file is relative to; for a single file, the directory that holds it. */
  base: string;
  isFile: boolean;
  /** In the order of their paths by UTF-16 code unit. */
  files: TreeFile[];
}

export function fileStat(stat: BigIntStats): FileStat {
  return { bytes: Number(stat.size), mtimeNs: String(stat.mtimeNs), inode: String(stat.ino) };
}

export const sameStat = (a: FileStat, b: FileStat): boolean => a.bytes === b.bytes && a.mtimeNs === b.mtimeNs && a.inode === b.inode;

export const byCodeUnit = (a: { path: string }, b: { path: string }): number => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0);

/**
 * Runs `work` over `items`, at most `limit` at once. The first error ends it, and is thrown only when nothing runs any
 * more: a caller that then removes the files must not race with a lane that still writes them.
 */
export async function eachLimited<T>(items: readonly T[], limit: number, work: (item: T, index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const errors: unknown[] = [];
  const lane = async (): Promise<void> => {
    while (errors.length === 0 && next < items.length) {
      const index = next++;
      try {
        await work(items[index] as T, index);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  if (errors.length > 0) throw errors[0];
}

/**
 * Every file of a tree, or the one file that `path` is. Refuses what a digest over file contents cannot cover: links
 * (their target may change or lie outside), sockets, pipes, devices, and names that are not UTF-8.
 */
export async function listTree(path: string): Promise<Tree> {
  const top = await lstat(path, { bigint: true });
  if (top.isFile()) {
    const name = basename(path);
    checkName(name);
    return { base: dirname(path), isFile: true, files: [{ path: name, mode: Number(top.mode), ...fileStat(top) }] };
  }
  if (!top.isDirectory()) throw refused(path, top.isSymbolicLink() ? 'is a symbolic link' : 'is no regular file');

  const files: TreeFile[] = [];
  const walk = async (relative: string): Promise<void> => {
    const entries = await readdir(join(path, relative), { withFileTypes: true });
    const found: string[] = [];
    for (const entry of entries) {
      const child = relative === '' ? entry.name : `${relative}/${entry.name}`;
      checkName(child);
      if (entry.isDirectory()) await walk(child);
      else if (entry.isFile()) found.push(child);
      else throw refused(child, entry.isSymbolicLink() ? 'is a symbolic link: put the file itself there' : 'is no regular file');
    }
    if (files.length + found.length > MAX_FILES) throw refused(path, `holds more than ${MAX_FILES} files: pack them into shards`);
    await eachLimited(found, 16, async (child) => {
      const stat = await lstat(join(path, child), { bigint: true });
      files.push({ path: child, mode: Number(stat.mode), ...fileStat(stat) });
    });
  };
  await walk('');
  return { base: path, isFile: false, files: files.sort(byCodeUnit) };
}

function checkName(path: string): void {
  if (path.length > MAX_PATH_LENGTH) throw refused(`${path.slice(0, 80)}…`, `is longer than ${MAX_PATH_LENGTH} characters`);
  // Node decodes a name that is not UTF-8 to U+FFFD; under that name the file could never be opened again.
  if (path.includes('\uFFFD')) throw refused(path, 'has a name that is not UTF-8');
}

function refused(path: string, why: string): StoreError {
  return new StoreError('path_refused', `${path} ${why}`, [`${path} ${why}`]);
}

/**
 * Copies a tree's files below `target`. `link` shares the content where the file system can (the caller says that
 * nobody writes to it in place); `writable` gives the owner write permission on the copies.
 */
export async function copyTree(tree: Tree, target: string, options: { link?: boolean; writable?: boolean } = {}): Promise<void> {
  const directories = new Set(tree.files.map((file) => dirname(join(target, file.path))));
  for (const directory of [target, ...directories]) await mkdir(directory, { recursive: true });
  await eachLimited(tree.files, 8, async (file) => {
    const from = join(tree.base, file.path);
    const to = join(target, file.path);
    if (options.link && (await tryLink(from, to))) return;
    await copyFile(from, to, constants.COPYFILE_FICLONE);
    if (options.writable) await chmod(to, (file.mode & 0o777) | 0o200);
  });
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch {
    // Another device, a file system without hard links, or one that forbids them to us: a copy serves as well.
    return false;
  }
}
