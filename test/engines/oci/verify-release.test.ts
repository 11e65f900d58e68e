import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { canonicalJson } from '../../../src/domain/canonical.js';
import { blobPath } from '../../../src/engines/oci/blobs.js';
import type { Descriptor, OciIndex, OciManifest } from '../../../src/engines/oci/documents.js';
import { readRelease } from '../../../src/engines/oci/read-release.js';
import { parseRef } from '../../../src/engines/oci/release-ref.js';
import { verifyRelease } from '../../../src/engines/oci/verify-release.js';
import { ReleaseBench } from './kit.js';

let bench: ReleaseBench;
beforeEach(async () => {
  bench = new ReleaseBench();
  await bench.write();
});
afterEach(() => bench.remove());

const problems = async (): Promise<string[]> => (await verifyRelease({ layout: bench.layout, version: '1' })).problems;

function put(text: string): { digest: string; size: number } {
  const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
  writeFileSync(blobPath(bench.layout, digest), text);
  return { digest, size: Buffer.byteLength(text) };
}

const writeIndex = (index: OciIndex): void => writeFileSync(join(bench.layout, 'index.json'), JSON.stringify(index));

/** Changes a manifest as a forger does: the new one is a blob of its own, and the index names it. */
function forge(position: number, change: (manifest: OciManifest) => OciManifest): void {
  const index = bench.index();
  const entry = index.manifests[position] as Descriptor;
  const manifests = index.manifests.with(position, { ...entry, ...put(canonicalJson(change(bench.manifest(entry.digest)))) });
  writeIndex({ ...index, manifests });
}

/** Changes release.json, its blob, its manifest and the index with it. */
function forgeRecord(change: (document: { approval: { decisions: object[]; digests: object }; oci: { evidence: object } } & Record<string, unknown>) => object): void {
  const record = bench.index().manifests.findIndex(({ artifactType }) => artifactType?.includes('release') === true);
  forge(record, (manifest) => {
    const text = bench.contents()[`blobs/sha256/${manifest.layers[0]?.digest.slice(7)}`] ?? '';
    const forged = put(canonicalJson(change(JSON.parse(text) as Parameters<typeof change>[0])));
    const file = { path: 'release.json', bytes: forged.size, sha256: forged.digest.slice(7) };
    const artifact = `sha256:${createHash('sha256').update(canonicalJson({ schema: 'modelferry.manifest/1', files: [file] })).digest('hex')}`;
    return { ...manifest, layers: [{ ...(manifest.layers[0] as Descriptor), ...forged }], annotations: { ...manifest.annotations, 'io.modelferry.artifact.digest': artifact } };
  });
}

const withLayer = (manifest: OciManifest, position: number, change: Partial<Descriptor>): OciManifest => ({ ...manifest, layers: manifest.layers.with(position, { ...(manifest.layers[position] as Descriptor), ...change }) });

describe('verifying a release', () => {
  it('finds nothing wrong with what was published, and counts what it hashed', async () => {
    expect(await verifyRelease({ layout: bench.layout, version: '1' })).toMatchObject({ problems: [], blobs: 11 });
  });

  it('counts no blob that it could not hash', async () => {
    const whole = await verifyRelease({ layout: bench.layout, version: '1' });
    const { digest, size } = bench.manifest(bench.index().manifests[0]?.digest ?? '').layers[0] as Descriptor;
    rmSync(blobPath(bench.layout, digest));
    expect(await verifyRelease({ layout: bench.layout, version: '1' })).toMatchObject({ blobs: 10, bytes: whole.bytes - size, problems: [`the blob ${digest} is missing`] });
  });

  it('finds every single blob that was changed, cut short, taken away or made a link or a pipe', async () => {
    const names = Object.keys(bench.contents()).filter((path) => path.startsWith('blobs/'));
    // Four manifests, five files of the model, three of the evidence, the model's config, the empty one and release.json.
    expect(names).toHaveLength(15);
    const contents = bench.contents();
    for (const name of names) {
      const path = join(bench.layout, name);
      const text = contents[name] ?? '';
      const hex = name.slice('blobs/sha256/'.length);
      const damages = [
        () => writeFileSync(path, `${text.slice(0, -1)}~`),
        () => {
          writeFileSync(path, text);
          truncateSync(path, text.length - 1);
        },
        () => undefined,
        () => {
          writeFileSync(join(bench.place, 'elsewhere'), text);
          symlinkSync(join(bench.place, 'elsewhere'), path);
        },
        // Opened as a file is, a pipe would wait for its writer for ever.
        () => execFileSync('mkfifo', [path]),
      ];
      for (const damage of damages) {
        rmSync(path);
        damage();
        expect((await problems()).join(), name).toContain(hex);
        rmSync(path, { force: true });
        writeFileSync(path, text);
      }
      expect(await problems()).toEqual([]);
    }
  }, 30_000);

  it.each<[string, () => void, string]>([
    ['another file in the model', () => forge(0, (m) => withLayer(m, 3, put('worse'))), 'its files are the artifact'],
    ['a file fewer in the model', () => forge(0, (m) => ({ ...m, layers: m.layers.slice(1) })), 'its files are the artifact'],
    ['a title that leaves the folder', () => forge(0, (m) => withLayer(m, 0, { annotations: { 'org.opencontainers.image.title': '../../.bashrc' } })), 'leaves the folder'],
    ['a digest that is a path', () => forge(0, (m) => withLayer(m, 0, { digest: 'sha256:../../../etc/passwd' })), 'is not what it should be'],
    ['a config that is of another model', () => forge(0, (m) => ({ ...m, config: { ...m.config, ...put('{"descriptor":{"name":"huge","version":"1"},"config":{},"modelfs":{"type":"layers","diffIds":["sha256:' + '0'.repeat(64) + '"]}}') } })), 'the config is of huge 1'],
    ['a model of another type', () => forge(0, (m) => ({ ...m, artifactType: 'application/vnd.example' })), 'which is no model'],
    ['another piece of evidence', () => forge(1, (m) => withLayer(m, 0, put('{"score":100}'))), 'is missing'],
    ['no evidence at all', () => writeIndex({ ...bench.index(), manifests: bench.index().manifests.filter((_, i) => i !== 1) }), 'its evidence quality'],
    ['evidence that points to another model', () => forge(2, (m) => ({ ...m, subject: { ...(m.subject as Descriptor), digest: `sha256:${'5'.repeat(64)}` } })), 'its evidence validation'],
    ['no record', () => writeIndex({ ...bench.index(), manifests: bench.index().manifests.slice(0, 3) }), 'no record of an approval'],
    ['a record about another model', () => forgeRecord((d) => ({ ...d, oci: { ...d.oci, model: `sha256:${'5'.repeat(64)}` } })), 'is about the model sha256:5'],
    ['a record of another version', () => forgeRecord((d) => ({ ...d, version: '2' })), 'is of tiny 2'],
    ['a record of another run', () => forgeRecord((d) => ({ ...d, run: 'other' })), 'is of the run other'],
    ['an approval of another model', () => forgeRecord((d) => ({ ...d, approval: { ...d.approval, digests: { ...d.approval.digests, model: `sha256:${'5'.repeat(64)}` } } })), 'was approved for the model'],
    ['an approval by other evidence', () => forgeRecord((d) => ({ ...d, approval: { ...d.approval, digests: { ...d.approval.digests, evidence: `sha256:${'5'.repeat(64)}` } } })), 'by other evidence'],
    ['nobody who approved', () => forgeRecord((d) => ({ ...d, approval: { ...d.approval, decisions: [] } })), 'holds no approval'],
    ['somebody who rejected', () => forgeRecord((d) => ({ ...d, approval: { ...d.approval, decisions: d.approval.decisions.map((one) => ({ ...one, verdict: 'reject' })) } })), 'holds no approval'],
    ['a record without a schema', () => forgeRecord(({ schema: _schema, ...d }) => d), 'release.json'],
    ['no marker', () => rmSync(join(bench.layout, 'oci-layout')), 'oci-layout is missing'],
    ['a marker of another version', () => writeFileSync(join(bench.layout, 'oci-layout'), '{"imageLayoutVersion":"2"}'), 'imageLayoutVersion'],
    ['a marker that is huge', () => truncateSync(join(bench.layout, 'oci-layout'), 4097), 'has 4097 bytes'],
    ['a marker that is a pipe', () => { rmSync(join(bench.layout, 'oci-layout')); execFileSync('mkfifo', [join(bench.layout, 'oci-layout')]); }, 'oci-layout is no regular file'],
    ['an index that is a pipe', () => { rmSync(join(bench.layout, 'index.json')); execFileSync('mkfifo', [join(bench.layout, 'index.json')]); }, 'index.json is no regular file'],
    ['an index that is cut short', () => truncateSync(join(bench.layout, 'index.json'), 30), 'is no JSON'],
    ['a version that names two manifests', () => writeIndex({ ...bench.index(), manifests: [{ ...(bench.index().manifests[1] as Descriptor), annotations: { 'org.opencontainers.image.ref.name': '1' } }, ...bench.index().manifests] }), 'names two manifests'],
    ['a document that says it is huge', () => writeIndex({ ...bench.index(), manifests: bench.index().manifests.map((entry) => ({ ...entry, size: 1e12 })) }), 'has at most'],
  ])('finds %s', async (_what, change, found) => {
    change();
    expect((await problems()).join('; ')).toContain(found);
  });

  it('finds evidence that nobody judged by', async () => {
    forge(1, (m) => ({ ...m, annotations: { ...m.annotations, more: 'x' } }));
    expect((await problems()).join('; ')).toContain('nobody judged by it');
  });

  it('leaves alone what others attached, as a tool for signatures does', async () => {
    const index = bench.index();
    const first = bench.manifest(index.manifests[1]?.digest ?? '');
    writeIndex({ ...index, manifests: [...index.manifests, { ...(index.manifests[1] as Descriptor), artifactType: 'application/vnd.example.signature', ...put(canonicalJson({ ...first, artifactType: 'application/vnd.example.signature' })) }] });
    expect(await problems()).toEqual([]);
    expect((await readRelease({ layout: bench.layout, version: '1' })).others).toHaveLength(1);
  });

  it('holds a reference to its digest, and tells a release that is not there', async () => {
    const digest = bench.index().manifests[0]?.digest ?? '';
    expect((await verifyRelease({ layout: bench.layout, version: '1', digest })).problems).toEqual([]);
    expect((await verifyRelease({ layout: bench.layout, version: '1', digest: `sha256:${'5'.repeat(64)}` })).problems).toEqual([expect.stringContaining('the reference says')]);
    await expect(verifyRelease({ layout: bench.layout, version: '3' })).rejects.toMatchObject({ code: 'release_missing' });
    await expect(verifyRelease({ layout: join(bench.root, 'huge'), version: '1' })).rejects.toMatchObject({ code: 'release_missing' });
  });
});

describe('a reference', () => {
  const at = { cwd: (path: string) => `/cwd/${path}`, model: (name: string) => `/root/${name}` };
  const digest = `sha256:${'a'.repeat(64)}`;

  it.each([
    ['tiny:1', { layout: '/root/tiny', version: '1' }],
    [`tiny:1@${digest}`, { layout: '/root/tiny', version: '1', digest }],
    ['oci:/data/tiny:1', { layout: '/data/tiny', version: '1' }],
    ['/data/tiny:1', { layout: '/data/tiny', version: '1' }],
    ['oci:tiny:1', { layout: '/cwd/tiny', version: '1' }],
    ['./tiny:1', { layout: '/cwd/./tiny', version: '1' }],
    [`oci:/da:ta/tiny:v1.0@${digest}`, { layout: '/da:ta/tiny', version: 'v1.0', digest }],
  ])('%s is read', (text, ref) => expect(parseRef(text, at)).toEqual(ref));

  it.each(['tiny', 'tiny:', ':1', 'tiny:..', 'tiny:1@sha256:abc', ''])('%j is none', (text) => expect(() => parseRef(text, at)).toThrow('is no release'));
});
