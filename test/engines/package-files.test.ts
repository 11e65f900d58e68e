import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findPackageRoot, packageRoot } from '../../src/engines/package-files.js';

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
const FERRY = { name: 'modelferry' };

it('finds the package that it is in', () => {
  expect(JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8'))).toMatchObject({ name: 'modelferry' });
});

it('finds it from any depth, past the package.json of something else and one that is broken', () => {
  const root = put('a', FERRY);
  put('a/dist', { type: 'module' });
  mkdirSync(join(root, 'dist/bundled'));
  writeFileSync(join(root, 'dist/bundled/package.json'), '{');
  expect(findPackageRoot(join(root, 'dist/bundled'))).toBe(root);
});

it('says so outside the package', () => {
  expect(() => findPackageRoot(place)).toThrow('install the package whole');
});
