import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { LocalStore } from '../../../src/engines/artifacts/local-store.js';
import { findArtifact, lookUpArtifact, packSource } from '../../../src/engines/config/pack-sources.js';

const made: string[] = [];
let dir: string;
let store: LocalStore;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-pack-'));
  made.push(dir);
  store = new LocalStore(join(dir, 'store'));
  await mkdir(join(dir, 'spec'));
});
afterAll(() => Promise.all(made.map((d) => rm(d, { recursive: true, force: true }))));

async function put(path: string, text = path): Promise<void> {
  const file = join(dir, 'spec', path);
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, text);
}

const pack = (path: string, kind = 'code'): ReturnType<typeof packSource> => packSource({ store, dir: join(dir, 'spec'), path, kind });

describe('packing code', () => {
  it('leaves out likely secrets, tools’ folders and says so', async () => {
    for (const path of ['src/train.js', 'src/.env', 'src/.env.local', 'src/key.pem', 'src/id_ed25519', 'src/.git/config', 'src/node_modules/x/index.js', 'src/lib/id_card.js']) await put(path);
    const { ref, leftOut } = await pack('src');
    expect(leftOut).toEqual(['.env', '.env.local', '.git/', 'id_ed25519', 'key.pem', 'node_modules/']);
    expect((await readdir(await store.open(ref), { recursive: true })).sort()).toEqual(['lib', 'lib/id_card.js', 'train.js']);
    expect(await findArtifact(store, ref.digest)).toMatchObject({ kind: 'code', digest: ref.digest });
  });

  it('gives the same content the same digest, and leaves the source and no temporary files', async () => {
    await put('src/train.js');
    expect((await pack('src')).ref.digest).toBe((await pack('./src')).ref.digest);
    expect(await readdir(join(dir, 'spec', 'src'))).toEqual(['train.js']);
    expect(await readdir(join(store.root, 'tmp'))).toEqual([]);
  });

  it('takes a single file too', async () => {
    await put('train.js');
    expect(await readdir(await store.open((await pack('train.js')).ref))).toEqual(['train.js']);
  });

  it('refuses a path that leaves the folder of the spec, however it does', async () => {
    await writeFile(join(dir, 'outside.txt'), 'secret');
    await mkdir(join(dir, 'spec-beside'));
    await symlink(dir, join(dir, 'spec', 'up'));
    await symlink(join(dir, 'spec-beside'), join(dir, 'spec', 'beside'));
    for (const path of ['..', '../outside.txt', 'x/../../outside.txt', join(dir, 'outside.txt'), 'up', 'up/outside.txt', 'beside']) await expect(pack(path), path).rejects.toMatchObject({ code: 'path_refused' });
    await expect(pack('../outside.txt', 'dataset')).rejects.toMatchObject({ code: 'path_refused' });
  });

  it('refuses a link inside the code, and code without a file', async () => {
    await put('src/train.js');
    await symlink('/etc/hosts', join(dir, 'spec', 'src', 'hosts'));
    await expect(pack('src')).rejects.toMatchObject({ code: 'path_refused', message: expect.stringContaining('src/hosts is a symbolic link') });
    await put('empty/.env');
    await expect(pack('empty')).rejects.toMatchObject({ code: 'path_refused' });
  });

  it('is found by the beginning of its digest, as long as that is its alone', async () => {
    await put('src/train.js');
    const { ref } = await pack('src');
    for (const asked of [ref.digest, ref.digest.slice(0, 19), ref.digest.slice(7, 15)]) expect((await lookUpArtifact(store, asked)).digest).toBe(ref.digest);
    const other = `${ref.digest.slice(0, 14)}${ref.digest[14] === '0' ? '1' : '0'}`;
    await expect(lookUpArtifact(store, other)).rejects.toMatchObject({ code: 'artifact_missing', message: expect.stringContaining('no artifact') });
    await expect(lookUpArtifact(store, ref.digest.slice(7, 12))).rejects.toThrow();
  });

  it('says that a path or an artifact does not exist', async () => {
    await expect(pack('nothing')).rejects.toMatchObject({ code: 'artifact_missing' });
    await expect(findArtifact(store, `sha256:${'0'.repeat(64)}`)).rejects.toMatchObject({ code: 'artifact_missing' });
  });
});
