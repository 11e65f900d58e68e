import { readFile } from 'node:fs/promises';
import { basename, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { InvalidDocument } from './invalid-document.js';

/** A module that a project brings, by its `package.json`: `"modelferry": { "KEY": "dist/FILE.js" }`; absolute. */
export async function ownModuleIn(cwd: string, key: 'pipelines' | 'activities'): Promise<string | undefined> {
  const file = resolve(cwd, 'package.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
    throw error;
  }
  const own = (JSON.parse(text) as { modelferry?: Record<string, unknown> } | null)?.modelferry?.[key];
  return typeof own === 'string' ? resolve(cwd, own) : undefined;
}

/**
 * Runs a project's module and returns its exports. `what` names it in the error.
 * @throws InvalidDocument when it does not load.
 */
export async function importModule(file: string, what: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (error) {
    const suggestion = remedyFor(error, file);
    throw new InvalidDocument(file, what, 'invalid', [{ path: basename(file), found: error instanceof Error ? `${error.name}: ${error.message}` : String(error), expected: 'a module that loads', ...(suggestion === undefined ? {} : { suggestion }) }]);
  }
}

function remedyFor(error: unknown, file: string): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && extname(file) === '.ts') return 'this Node.js reads no TypeScript: compile it and name the .js file, or use Node.js 22.18 or newer';
  // Node.js tells the line only where it ends the process.
  return error instanceof SyntaxError ? `node ${file} shows where` : undefined;
}
