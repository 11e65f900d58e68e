import { readFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
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
    const message = error instanceof Error ? error.message : String(error);
    const compile = extname(file) === '.ts' && error instanceof Error && 'code' in error && error.code === 'ERR_UNKNOWN_FILE_EXTENSION';
    const suggestion = compile ? 'this Node.js reads no TypeScript: compile it and name the .js file, or use Node.js 22.18 or newer' : undefined;
    throw new InvalidDocument(file, what, 'invalid', [{ path: file, found: message, expected: 'a module that loads', ...(suggestion === undefined ? {} : { suggestion }) }]);
  }
}
