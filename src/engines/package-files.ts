import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

let root: string | undefined;

/**
 * The folder that holds this package's package.json. Looked for upwards, since this code runs from three depths:
 * uncompiled in tests, compiled in `dist/`, and as one file in the CLI's bundle.
 */
export function packageRoot(): string {
  root ??= findRoot(dirname(fileURLToPath(import.meta.url)));
  return root;
}

/** A file of this package, by its path from the package's root: `dist/workflow-bundle.js`. */
export const packageFile = (path: string): string => join(packageRoot(), path);

/** What this package's package.json says its version is. */
export const packageVersion = (): string => manifestOf(packageRoot()).version;

function findRoot(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json')) && manifestOf(folder).name === 'modelferry') return folder;
    if (folder === dirname(folder)) throw new Error(`no package.json of modelferry above ${from}; reinstall it`);
  }
}

const manifestOf = (folder: string): { name: string; version: string } => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name: string; version: string };
