import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { hashFile } from '../../../src/engines/artifacts/hash-file.js';
import type * as HashPool from '../../../src/engines/artifacts/hash-pool.js';
import { buildOnce, PACKAGE_ROOT } from '../../contract/job-kit.js';

let place: string;
let compiled: typeof HashPool;
beforeAll(async () => {
  await buildOnce();
  compiled = (await import(pathToFileURL(join(PACKAGE_ROOT, 'dist/engines/artifacts/hash-pool.js')).href)) as typeof HashPool;
}, 90_000);
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'modelferry-pool-'));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

it('hashes in threads to the same digests as without', async () => {
  const files = Array.from({ length: 20 }, (_, index) => join(place, String(index)));
  for (const [index, file] of files.entries()) writeFileSync(file, Buffer.alloc(index * 100_000, index));
  const inThreads = await compiled.withHasher([], (hash) => Promise.all(files.map((file) => hash(file, { sync: true }))), 3);
  expect(inThreads).toEqual(await Promise.all(files.map((file) => hashFile(file))));
});

it('passes an error on as what it was', async () => {
  await expect(compiled.withHasher([], (hash) => hash(join(place, 'none'), {}), 2)).rejects.toMatchObject({ code: 'ENOENT' });
});
