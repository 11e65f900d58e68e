import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { blobPath } from '../../src/engines/oci/blobs.js';
import { ReleaseBench } from '../engines/oci/kit.js';
import { call, type Called } from './call.js';

let bench: ReleaseBench;
let ref: string;
beforeEach(async () => {
  bench = new ReleaseBench();
  ref = await bench.write();
  writeFileSync(join(bench.place, 'site.yaml'), 'schema: modelferry.site/1\nreleases: { kind: oci-layout, root: releases }\napprovers: [{name: ada, roles: [release-manager]}]\n');
});
afterEach(() => bench.remove());

const release = (...args: string[]): Promise<Called> => call(['release', ...args, '--site', join(bench.place, 'site.yaml')], { cwd: bench.place });
const json = async (...args: string[]): Promise<unknown> => JSON.parse((await release(...args, '--json')).out);

describe('ferry release', () => {
  it('lists what the root of the site holds, relative to the site file', async () => {
    await bench.write({ version: '2' });
    expect(await json('list')).toEqual([
      { model: 'tiny', version: '1', ref, digest: ref.slice(-71), run: 'run-1', bytes: 31 },
      { model: 'tiny', version: '2', ref: expect.stringMatching(/^oci:.*\/tiny:2@sha256:/), digest: expect.stringMatching(/^sha256:/), run: 'run-1', bytes: 31 },
    ]);
    expect((await release('list')).out).toMatch(/^RELEASE +RUN +BYTES +DIGEST\ntiny:1 +run-1 +31 +sha256:/);
  });

  it('is looked at by ferry plan: a version that is published already is a problem, before anything is trained', async () => {
    const spec = (version: string): string => `schema: modelferry.run/1\nmodel: tiny\nversion: '${version}'\nauthor: eve\nstages: { train: { attempts: [{ command: [x] }] }, convert: { job: { command: [x] } }, approve: {}, publish: {} }\n`;
    writeFileSync(join(bench.place, 'run.yaml'), spec('1'));
    const plan = (): Promise<Called> => call(['plan', 'run.yaml', '--site', 'site.yaml', '--json'], { cwd: bench.place });
    const taken = await plan();
    expect({ code: taken.code, problems: (JSON.parse(taken.out) as { problems: unknown }).problems }).toEqual({ code: 2, problems: [{ path: 'version', found: `1, published already as ${ref.slice(-71)}`, expected: 'a version that is not published yet', suggestion: 'see it with: ferry release show tiny:1' }] });
    writeFileSync(join(bench.place, 'run.yaml'), spec('2'));
    expect((await plan()).code).toBe(0);
  });

  it('lists what another tool copied here, which leaves the type out of the index', async () => {
    const index = bench.index();
    writeFileSync(join(bench.layout, 'index.json'), JSON.stringify({ ...index, manifests: index.manifests.map(({ artifactType: _type, ...entry }) => entry) }));
    expect(await json('list')).toMatchObject([{ version: '1', ref }]);
  });

  it('lists the rest of a root in which something is damaged, and says so', async () => {
    mkdirSync(join(bench.root, 'broken'));
    writeFileSync(join(bench.root, 'broken/index.json'), '{');
    const { code, out, err } = await release('list');
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining('broken/index.json is no JSON') });
    expect(out).toContain('tiny:1');
  });

  it('lists nothing where nothing was released, also without a site file', async () => {
    expect(await call(['release', 'list'], { cwd: bench.place })).toMatchObject({ code: 0, out: expect.stringMatching(/^No release in .*\/releases\.\n$/) });
    expect(await call(['release', 'list'], { cwd: bench.root, env: { FERRY_HOME: bench.place } })).toMatchObject({ code: 0, out: expect.stringContaining('tiny:1') });
  });

  it.each([['tiny:1'], ['oci:releases/tiny:1'], ['./releases/tiny:1']])('shows %s with its files, its evidence and who approved it', async (typed) => {
    expect(await json('show', typed)).toMatchObject({
      ref,
      digest: ref.slice(-71),
      model: 'tiny',
      version: '1',
      run: 'run-1',
      files: expect.arrayContaining([{ path: 'weights/1.safetensors', mediaType: 'application/vnd.cncf.model.weight.v1.raw', digest: expect.stringMatching(/^sha256:/), bytes: 3 }]),
      evidence: [{ name: 'quality' }, { name: 'validation' }],
      records: [{ approval: { identity: 'asserted', decisions: [{ approver: 'ana', reason: 'fine' }] } }],
      identity: 'asserted',
      signed: false,
    });
    const { out } = await release('show', typed);
    expect(out).toContain('approve by ana (release-manager, asserted)');
    expect(out).toContain('asserted, not signed');
  });

  it('verifies a whole release with exit 0, and says that nothing is signed', async () => {
    const { code, out } = await release('verify', ref);
    expect(code).toBe(0);
    expect(out).toContain('asserted, not signed');
    expect(await json('verify', 'tiny:1')).toEqual({ ref, digest: ref.slice(-71), ok: true, problems: [], blobs: 11, bytes: expect.any(Number), identity: 'asserted', signed: false });
  });

  it('verifies a damaged release with exit 1, and names what is wrong', async () => {
    const { files } = await bench.prepare();
    const { digest = '' } = files[0] ?? {};
    rmSync(blobPath(bench.layout, digest));
    const { code, out } = await release('verify', 'tiny:1');
    expect({ code, out }).toEqual({ code: 1, out: expect.stringContaining(`the blob ${digest} is missing`) });
    expect(out).toContain('asserted, not signed');
    expect(await release('verify', 'tiny:1', '--json')).toMatchObject({ code: 1 });
    expect(await release('verify', `tiny:1@sha256:${'0'.repeat(64)}`)).toMatchObject({ code: 1, out: expect.stringContaining('the reference says') });
  });

  it.each<[string[], string]>([
    [['show', 'tiny:9'], 'release_missing'],
    [['verify', 'huge:1'], 'release_missing'],
    [['verify', 'tiny'], 'release_refused'],
    [['show'], 'usage'],
    [['show', 'tiny:1', '--run', 'run-1'], 'usage'],
  ])('%j is an error with exit 2 that says what to type', async (args, code) => {
    const { code: exit, out } = await release(...args, '--json');
    expect(exit).toBe(2);
    expect(JSON.parse(out)).toMatchObject({ error: { code, hint: expect.stringContaining('ferry release') } });
  });

  it('shows what a stranger wrote without what would act on a terminal', async () => {
    await bench.write({ version: '2', reason: 'fine\u001b[2J' });
    expect((await release('show', 'tiny:2')).out).not.toContain('\u001b');
  });
});
