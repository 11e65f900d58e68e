import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import * as z from 'zod';
import { packageRoot } from '../package-files.js';

const PackageJson = z.object({ dependencies: z.record(z.string(), z.string()).optional() });

/** Thrown when the packages that modelferry depends on are not where installed packages are. */
export class PackagesNotFoundError extends Error {
  override readonly name = 'PackagesNotFoundError';
}

/**
 * The node_modules folder that holds what modelferry depends on: its own in a checkout or a global installation, the one
 * around it where it is a dependency. Packages can lie in both, so the one with more of its dependencies counts, the
 * nearer one where they are equal. Throws PackagesNotFoundError.
 */
export function installedPackagesRoot(root: string = packageRoot()): string {
  const names = Object.keys(PackageJson.parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))).dependencies ?? {});
  const around = dirname(root);
  const found = [join(root, 'node_modules'), ...(basename(around) === 'node_modules' ? [around] : [])]
    .map((folder) => ({ folder, held: names.filter((name) => existsSync(join(folder, name, 'package.json'))).length }))
    .reduce((best, one) => (one.held > best.held ? one : best));
  if (found.held === 0) throw new PackagesNotFoundError(`the packages that modelferry depends on are neither in ${root} nor beside it: run npm ci there`);
  return found.folder;
}
