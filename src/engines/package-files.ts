import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

let root: string | undefined;

/**
 * The folder that holds this package's package.json. Looked for upwards, since this code runs from three depths:
 * uncompiled in tests, compiled in `dist/`, and as one file in the CLI's bundle.
 */
export function packageRoot(): string {
  root ??= findPackageRoot(dirname(fileURLToPath(import.meta.url)));
  return root;
}

/** A file of this package, by its path from the package's root: `dist/workflow-bundle.js`. */
export const packageFile = (path: string): string => join(packageRoot(), path);

/** What this package's package.json says its version is. */
export const packageVersion = (): string => manifestOf(packageRoot())?.version ?? 'unknown';

/** What this package's package.json says of its version and of the tools that it is built and tested with. */
export function packageManifest(): { version: string; devDependencies: Readonly<Record<string, string>> } {
  const { version = 'unknown', devDependencies = {} } = manifestOf(packageRoot()) ?? {};
  return { version, devDependencies };
}

/** The nearest folder from `from` upwards that is modelferry's own. */
export function findPackageRoot(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (manifestOf(folder)?.name === 'modelferry') return folder;
    if (folder === dirname(folder)) throw new Error(`no package.json of modelferry above ${from}: install the package whole`);
  }
}

interface PackageManifest {
  name?: string;
  version?: string;
  devDependencies?: Record<string, string>;
}

function manifestOf(folder: string): PackageManifest | undefined {
  const path = join(folder, 'package.json');
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as PackageManifest;
  } catch {
    // Somebody else's broken package.json further up is no reason to stop.
    return undefined;
  }
}
