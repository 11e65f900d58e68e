import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Manifest } from '../../../src/domain/artifact.js';
import { digestOf } from '../../../src/domain/canonical.js';
import { hashFile } from '../../../src/engines/artifacts/hash-file.js';
import { compareWithManifest, hashPath } from '../../../src/engines/artifacts/manifest.js';
import { eachLimited } from '../../../src/engines/artifacts/tree.js';

describe('the manifest of a tree', () => {
  let place: string;
  beforeEach(() => {
    place = mkdtempSync(join(tmpdir(), 'modelferry-manifest-'));
  });
  afterEach(() => rmSync(place, { recursive: true, force: true }));

  it('lists every file with its size and sha256, and its digest covers just that', async () => {
    mkdirSync(join(place, 'm/deep'), { recursive: true });
    writeFileSync(join(place, 'm/deep/abc'), 'abc');
    writeFileSync(join(place, 'm/empty'), '');
    const { manifest, digest, bytes } = await hashPath(join(place, 'm'));
    expect(Manifest.parse(manifest)).toEqual({
      schema: 'modelferry.manifest/1',
      files: [
        { path: 'deep/abc', bytes: 3, sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad' },
        { path: 'empty', bytes: 0, sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' },
      ],
    });
    expect(digest).toBe(digestOf(manifest));
    expect(bytes).toBe(3);
  });

  it('orders paths by UTF-16 code unit, not by language', async () => {
    for (const name of ['b', 'B', 'ä', 'a', '\u{1F600}', '\uFF5E']) writeFileSync(join(place, name), '');
    const { manifest } = await hashPath(place);
    expect(manifest.files.map((file) => file.path)).toEqual(['B', 'a', 'b', 'ä', '\u{1F600}', '\uFF5E']);
  });

  it('hashes files of any size, at the borders of its buffers too', async () => {
    const { createHash } = await import('node:crypto');
    for (const size of [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 * (1 << 20) + 17]) {
      const content = Buffer.alloc(size, `size ${size}`);
      writeFileSync(join(place, 'f'), content);
      expect((await hashFile(join(place, 'f'))).sha256).toBe(createHash('sha256').update(content).digest('hex'));
    }
  });

  it('refuses a file that changes while it is hashed', async () => {
    writeFileSync(join(place, 'f'), Buffer.alloc(32 << 20));
    const writing = setInterval(() => appendFileSync(join(place, 'f'), 'more'), 1);
    const hashing = hashFile(join(place, 'f')).finally(() => clearInterval(writing));
    await expect(hashing).rejects.toMatchObject({ code: 'storage_error', problems: [join(place, 'f')] });
  });

  it('finds everything missing where the directory is gone', async () => {
    writeFileSync(join(place, 'f'), '');
    const { manifest } = await hashPath(join(place, 'f'));
    expect((await compareWithManifest(join(place, 'gone'), manifest)).problems).toEqual(['f: missing']);
  });

  it('throws the first error of parallel work only when nothing runs any more', async () => {
    let running = 0;
    const work = eachLimited([50, 1, 50], 3, async (ms) => {
      running += 1;
      await new Promise((resolve) => setTimeout(resolve, ms));
      running -= 1;
      if (ms === 1) throw new Error('first');
    });
    await expect(work).rejects.toThrow('first');
    expect(running).toBe(0);
  });
});
