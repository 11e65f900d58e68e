import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { loadSite, releasesDirOf, storeDirOf } from '../../../src/engines/config/load-site.js';
import { withAbsolutePaths } from '../../../src/workers/config.js';

const site = (name: string): string => `schema: modelferry.site/1\nname: ${name}\napprovers: [{name: ada, roles: [release-manager]}]\n`;

let dir: string;
const made: string[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-site-'));
  made.push(dir);
});
afterAll(() => Promise.all(made.map((d) => rm(d, { recursive: true }))));

describe('which site counts', () => {
  it('is the flag’s before the environment’s before the folder’s before the built-in one', async () => {
    await writeFile(join(dir, 'a.yaml'), site('from-flag'));
    await writeFile(join(dir, 'b.yaml'), site('from-env'));
    const named = async (input: { path?: string; env?: string }): Promise<string> => (await loadSite({ ...input, cwd: dir, builtIn: true })).site.name;
    expect(await named({})).toBe('built-in');
    await writeFile(join(dir, 'ferry.site.yaml'), site('from-folder'));
    expect(await named({ env: '' })).toBe('from-folder');
    expect(await named({ env: 'b.yaml' })).toBe('from-env');
    expect(await named({ path: 'a.yaml', env: 'b.yaml' })).toBe('from-flag');
  });

  it('is never the built-in one where that is not allowed', async () => {
    await expect(loadSite({ cwd: dir, builtIn: false })).rejects.toMatchObject({ name: 'InvalidDocument', fault: 'missing', problems: [{ expected: expect.stringContaining('FERRY_SITE') }] });
  });

  it('is never another one than the one that was named, when that is missing', async () => {
    await writeFile(join(dir, 'ferry.site.yaml'), site('from-folder'));
    await expect(loadSite({ path: 'gone.yaml', cwd: dir, builtIn: true })).rejects.toMatchObject({ fault: 'missing' });
  });

  it('has one digest, however it is written', async () => {
    await writeFile(join(dir, 'a.yaml'), site('same'));
    await writeFile(join(dir, 'b.json'), JSON.stringify({ approvers: [{ roles: ['release-manager'], name: 'ada' }], name: 'same', schema: 'modelferry.site/1' }));
    const [a, b] = await Promise.all(['a.yaml', 'b.json'].map((path) => loadSite({ path, cwd: dir, builtIn: false })));
    expect(a?.digest).toBe(b?.digest);
    expect(a?.source).toBe(join(dir, 'a.yaml'));
  });

  it('tells all its problems: a role that nobody has, a name that stands twice', async () => {
    await writeFile(join(dir, 'ferry.site.yaml'), 'schema: modelferry.site/1\napprovers: [{name: ada, roles: [boss]}, {name: ada, roles: [boss]}]\n');
    await expect(loadSite({ cwd: dir, builtIn: true })).rejects.toMatchObject({ problems: [{ path: 'approvers[1].name' }, { path: 'approval.roles[0]', expected: expect.stringContaining('release-manager') }] });
  });
});

describe('the local store of a site', () => {
  it('lies in the home, or relative to the site file', async () => {
    const builtIn = await loadSite({ cwd: dir, builtIn: true });
    expect(storeDirOf(builtIn, '/home/ferry')).toBe('/home/ferry/store');
    await writeFile(join(dir, 'ferry.site.yaml'), `${site('own')}store: {kind: local-dir, path: ../artifacts}\n`);
    expect(storeDirOf(await loadSite({ cwd: dir, builtIn: false }), '/home/ferry')).toBe(join(dir, '..', 'artifacts'));
  });

  it('and so do the releases', async () => {
    const builtIn = await loadSite({ cwd: dir, builtIn: true });
    expect(releasesDirOf(builtIn, '/home/ferry')).toBe('/home/ferry/releases');
    await writeFile(join(dir, 'ferry.site.yaml'), `${site('own')}releases: {kind: oci-layout, root: out}\n`);
    const own = await loadSite({ cwd: dir, builtIn: false });
    expect(releasesDirOf(own, '/home/ferry')).toBe(join(dir, 'out'));
    expect(withAbsolutePaths(own.site, own.source, '/home/ferry').releases.root).toBe(join(dir, 'out'));
    expect(withAbsolutePaths(builtIn.site, builtIn.source, '/home/ferry').releases.root).toBe('/home/ferry/releases');
  });
});
