import { lstat, readdir, realpath } from 'node:fs/promises';
import { isAbsolute, join, sep } from 'node:path';
import { byCodeUnit, eachLimited } from '../artifacts/tree.js';
import { systemCode } from '../artifacts/store-error.js';

/** A corpus of more files than this belongs into shards, which something else than one machine prepares. */
const MAX_FILES = 200_000;
const MAX_TOTAL_BYTES = 16 * 1024 ** 3;

/** Where documents come from. */
export interface DocumentRoot {
  /** `packages`: a node_modules folder, each document of the package that holds it. */
  kind: 'packages' | 'folder';
  /** The folder as the caller trusts it; a link as its last part is followed. */
  base: string;
  /** Below `base`, `.` for itself; what leaves it is refused. */
  path: string;
  /** Endings of the files that count, such as `.md`; case does not matter. */
  extensions: readonly string[];
}

export interface FoundDocument {
  file: string;
  /** What the document belongs to: a package's name, or the folder or file right below the root. Holds no machine's path. */
  source: string;
  /** What must not be torn apart by a split: a package's scope, otherwise the source. */
  family: string;
  /** Decides which of two equal documents counts: source and path below the root. */
  path: string;
  bytes: number;
}

/** Thrown for sources that can't be read as asked; another try changes nothing. */
export class TextSourceError extends Error {
  override readonly name = 'TextSourceError';
}

/**
 * The documents of all roots, in the order of their sources and paths whatever the order of the file system's answers.
 * Links below a root are not followed, and names that begin with a dot are passed over. Throws TextSourceError.
 */
export async function listDocuments(roots: readonly DocumentRoot[], signal: AbortSignal): Promise<FoundDocument[]> {
  const found: FoundDocument[] = [];
  for (const root of roots) found.push(...(await listRoot(root, signal)));
  if (found.length > MAX_FILES) throw new TextSourceError(`more than ${MAX_FILES} files: name smaller folders`);
  const bytes = found.reduce((sum, document) => sum + document.bytes, 0);
  if (bytes > MAX_TOTAL_BYTES) throw new TextSourceError(`more than ${MAX_TOTAL_BYTES} bytes in ${found.length} files: name smaller folders`);
  return found.sort(byCodeUnit);
}

async function listRoot({ kind, base, path, extensions }: DocumentRoot, signal: AbortSignal): Promise<FoundDocument[]> {
  const root = await folderInside(base, path);
  const endings = extensions.map((extension) => extension.toLowerCase());
  const files: string[] = [];
  const walk = async (relative: string): Promise<void> => {
    signal.throwIfAborted();
    for (const entry of await readdir(join(root, relative), { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      const child = relative === '' ? entry.name : `${relative}/${entry.name}`;
      const name = entry.name.toLowerCase();
      // A link is neither: it may lead anywhere, into a loop too.
      if (entry.isDirectory()) await walk(child);
      else if (entry.isFile() && endings.some((ending) => name.endsWith(ending))) files.push(child);
    }
    if (files.length > MAX_FILES) throw new TextSourceError(`${path} holds more than ${MAX_FILES} such files: name smaller folders`);
  };
  await walk('');
  const found: FoundDocument[] = [];
  await eachLimited(files, 16, async (child) => {
    const { size } = await lstat(join(root, child));
    const source = kind === 'packages' ? packageOf(child) : firstOf(child);
    found.push({ file: join(root, child), source, family: kind === 'packages' ? firstOf(source) : source, path: `${source}/${child}`, bytes: size });
  });
  return found;
}

const firstOf = (path: string): string => path.split('/', 1).join();

/** The package that a file below node_modules belongs to: `@scope/name` or `name` after the innermost node_modules. */
function packageOf(path: string): string {
  const inner = path.split('/node_modules/').at(-1) as string;
  return inner.split('/', inner.startsWith('@') ? 2 : 1).join('/');
}

async function folderInside(base: string, path: string): Promise<string> {
  const refuse = (why: string): TextSourceError => new TextSourceError(`${path} ${why}: a source lies in the job's own folder or in one of its inputs`);
  if (isAbsolute(path)) throw refuse('is an absolute path');
  if (path.split(/[\\/]/).includes('..')) throw refuse('has .. in it');
  const top = await realpath(base);
  let real: string;
  try {
    real = await realpath(join(top, path));
    if (!(await lstat(real)).isDirectory()) throw refuse('is no folder');
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') throw refuse('does not exist');
    throw error;
  }
  if (real !== top && !real.startsWith(top.endsWith(sep) ? top : top + sep)) throw refuse('is a link that leads outside');
  return real;
}
