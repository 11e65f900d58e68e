import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { installedPackagesRoot, PackagesNotFoundError } from '../../../src/engines/text/installed-packages.js';

let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'modelferry-package-'));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

function put(path: string, manifest: object): string {
  mkdirSync(join(place, path), { recursive: true });
  writeFileSync(join(place, path, 'package.json'), JSON.stringify(manifest));
  return join(place, path);
}
const FERRY = { name: 'modelferry', dependencies: { zod: '4', yaml: '2' } };

it('takes the packages of a checkout, and those around it where it is a dependency, with one of its own nested or not', () => {
  const checkout = put('checkout', FERRY);
  put('checkout/node_modules/zod', {});
  expect(installedPackagesRoot(checkout)).toBe(join(checkout, 'node_modules'));

  const dependency = put('project/node_modules/modelferry', FERRY);
  put('project/node_modules/zod', {});
  put('project/node_modules/yaml', {});
  put('project/node_modules/modelferry/node_modules/yaml', {});
  expect(installedPackagesRoot(dependency)).toBe(join(place, 'project/node_modules'));

  // `npm install --global` nests everything, and around it lie packages that have nothing to do with it.
  const globally = put('lib/node_modules/modelferry', FERRY);
  put('lib/node_modules/npm', {});
  put('lib/node_modules/modelferry/node_modules/zod', {});
  expect(installedPackagesRoot(globally)).toBe(join(globally, 'node_modules'));
});

it('says so where nothing is installed', () => {
  expect(() => installedPackagesRoot(put('bare', FERRY))).toThrow(PackagesNotFoundError);
});
