import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { blobPath } from '../../../src/engines/oci/blobs.js';
import { withIndexLock } from '../../../src/engines/oci/index-lock.js';
import { addToIndex, placeOf } from '../../../src/engines/oci/layout-index.js';
import { MEDIA } from '../../../src/engines/oci/media-types.js';
import { listReleases } from '../../../src/engines/oci/read-release.js';
import { planRelease } from '../../../src/engines/oci/release-plan.js';
import { verifyRelease } from '../../../src/engines/oci/verify-release.js';
import { writeRelease } from '../../../src/engines/oci/write-release.js';
import { hostIdentity, processStartedAt } from '../../../src/engines/jobs/process-identity.js';
import { MODEL_FILES, ReleaseBench } from './kit.js';

let bench: ReleaseBench;
beforeEach(() => {
  bench = new ReleaseBench();
});
afterEach(() => bench.remove());

const problemsOf = async (version = '1', layout = bench.layout): Promise<string[]> => (await verifyRelease({ layout, version })).problems;

describe('a release in a layout', () => {
  it('is as the OCI image layout has it: marker, index, and blobs that hash to their names', async () => {
    const ref = await bench.write();
    expect(JSON.parse(readFileSync(join(bench.layout, 'oci-layout'), 'utf8'))).toEqual({ imageLayoutVersion: '1.0.0' });
    expect(readdirSync(bench.layout).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
    expect(readdirSync(join(bench.layout, 'blobs'))).toEqual(['sha256']);
    for (const name of readdirSync(join(bench.layout, 'blobs/sha256')))
      expect(createHash('sha256').update(readFileSync(join(bench.layout, 'blobs/sha256', name))).digest('hex')).toBe(name);
    const index = bench.index();
    expect(index).toMatchObject({ schemaVersion: 2, mediaType: MEDIA.index });
    expect(ref).toBe(`oci:${bench.layout}:1@${index.manifests[0]?.digest}`);
    expect(index.manifests.map(({ mediaType, artifactType, annotations }) => [mediaType, artifactType, annotations])).toEqual([
      [MEDIA.manifest, MEDIA.model, { 'org.opencontainers.image.ref.name': '1' }],
      [MEDIA.manifest, MEDIA.evidence, undefined],
      [MEDIA.manifest, MEDIA.evidence, undefined],
      [MEDIA.manifest, MEDIA.record, undefined],
    ]);
    for (const { digest, size } of index.manifests) expect(statSync(blobPath(bench.layout, digest)).size).toBe(size);
  });

  it('has one layer a file with its path, named by what ModelPack calls it, and a config that lists them', async () => {
    await bench.write();
    const manifest = bench.manifest(bench.index().manifests[0]?.digest ?? '');
    const part = (name: string): string => `application/vnd.cncf.model.${name}.v1.raw`;
    expect(manifest.layers.map(({ annotations, mediaType }) => [annotations?.['org.opencontainers.image.title'], mediaType])).toEqual([
      ['README.md', part('doc')],
      ['config.json', part('weight.config')],
      ['run.py', part('code')],
      ['weights/1.safetensors', part('weight')],
      ['weights/2.safetensors', part('weight')],
    ]);
    for (const { digest, annotations } of manifest.layers) expect(readFileSync(blobPath(bench.layout, digest), 'utf8')).toBe(MODEL_FILES[annotations?.['org.cncf.model.filepath'] as keyof typeof MODEL_FILES]);
    expect(manifest.annotations).toMatchObject({ 'org.opencontainers.image.title': 'tiny', 'org.opencontainers.image.version': '1', 'io.modelferry.run': 'run-1', 'io.modelferry.run.uid': 'uid-00001' });
    expect(manifest.config.mediaType).toBe(MEDIA.modelConfig);
    expect(JSON.parse(readFileSync(blobPath(bench.layout, manifest.config.digest), 'utf8'))).toEqual({ descriptor: { name: 'tiny', version: '1' }, config: {}, modelfs: { type: 'layers', diffIds: manifest.layers.map(({ digest }) => digest) } });
  });

  it('has its evidence and its record as referrers of the model', async () => {
    await bench.write();
    const [model, ...referrers] = bench.index().manifests;
    const manifests = referrers.map(({ digest }) => bench.manifest(digest));
    for (const { subject, config } of manifests) {
      expect(subject).toEqual({ mediaType: MEDIA.manifest, digest: model?.digest, size: model?.size });
      expect(config.mediaType).toBe(MEDIA.empty);
    }
    expect(manifests.map(({ annotations }) => annotations?.['io.modelferry.evidence'])).toEqual(['quality', 'validation', undefined]);
    const record = JSON.parse(readFileSync(blobPath(bench.layout, manifests[2]?.layers[0]?.digest ?? ''), 'utf8')) as object;
    expect(record).toMatchObject({ schema: 'modelferry.release/1', approval: { decisions: [{ approver: 'ana' }] }, oci: { model: model?.digest, evidence: { quality: referrers[0]?.digest, validation: referrers[1]?.digest } } });
    expect(await problemsOf()).toEqual([]);
  });

  it('is the same to the byte wherever and whenever it is written', async () => {
    const first = await bench.write();
    const other = new ReleaseBench();
    try {
      const second = await other.write();
      expect(second.split('@')[1]).toBe(first.split('@')[1]);
      expect(other.contents()).toEqual(bench.contents());
    } finally {
      other.remove();
    }
  });

  it('takes no second place on the disk: its files are those of the store', async () => {
    const { files, ...rest } = await bench.prepare();
    await writeRelease({ root: bench.root, files, ...rest });
    for (const { source, digest } of files) expect(statSync(blobPath(bench.layout, digest)).ino).toBe(statSync(source).ino);
  });

  it.skipIf(!existsSync('/dev/shm'))('is copied and hashed where the file system is another', async () => {
    const root = join('/dev/shm', `modelferry-oci-${process.pid}-${Date.now()}`);
    try {
      await bench.write({ root });
      expect(await problemsOf('1', join(root, 'tiny'))).toEqual([]);
      expect(readdirSync(join(root, '.tmp'))).toEqual([]);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });

  it('may hold evidence without a file, which has the empty layer of the specification', () => {
    const part = { kind: 'evaluation', digest: `sha256:${'1'.repeat(64)}`, files: [] };
    const weights = { ...part, kind: 'model', files: [{ path: 'w', bytes: 1, sha256: '2'.repeat(64) }] };
    const { evidence } = planRelease({ model: 'tiny', version: '1', run: 'r', runUid: 'u', weights, evidence: { quality: part } });
    expect(JSON.parse(evidence['quality']?.blobs.at(-1)?.text ?? '')).toMatchObject({ layers: [{ mediaType: MEDIA.empty, size: 2 }] });
    expect(() => planRelease({ model: 'tiny', version: '1', run: 'r', runUid: 'u', weights: part, evidence: {} })).toThrow('has no file');
  });

  it('is refused with more files than a manifest holds, before anything is written', () => {
    const files = Array.from({ length: 20_000 }, (_, i) => ({ path: `shard-${i}`, bytes: 1, sha256: '2'.repeat(64) }));
    expect(() => planRelease({ model: 'tiny', version: '1', run: 'r', runUid: 'u', weights: { kind: 'model', digest: `sha256:${'1'.repeat(64)}`, files }, evidence: {} })).toThrow('pack them into fewer');
  });

  it.each(['..', '../other', 'a/b', '.hidden', '', 'a:b', 'a@b', 'x'.repeat(101)])('is refused under the name %j, which could leave the root', async (name) => {
    await expect(bench.write({ name })).rejects.toMatchObject({ code: 'release_refused' });
    await expect(bench.write({ version: name })).rejects.toMatchObject({ code: 'release_refused' });
  });

  it('never makes a path of a digest that is none', () => {
    for (const digest of ['sha256:../../etc/passwd', `sha512:${'0'.repeat(64)}`, `sha256:${'0'.repeat(64)}/..`, `sha256:${'A'.repeat(64)}`]) expect(() => blobPath('/layout', digest)).toThrow('is no digest');
  });
});

describe('a version', () => {
  it('is published once: the same again changes nothing, another content is refused and leaves it as it was', async () => {
    const ref = await bench.write();
    const before = bench.contents();
    expect(await bench.write()).toBe(ref);
    expect(bench.contents()).toEqual(before);
    await expect(bench.write({ model: { ...MODEL_FILES, 'weights/1.safetensors': 'ONE' } })).rejects.toMatchObject({ code: 'release_exists', message: expect.stringContaining('another version') as string });
    await expect(bench.write({ run: 'run-2' })).rejects.toMatchObject({ code: 'release_exists' });
    expect(bench.contents()).toEqual(before);
  });

  it('stands beside others of its model, and takes one more record when the same model was approved again', async () => {
    await bench.write();
    await bench.write({ version: '2' });
    await bench.write({ reason: 'looked again' });
    expect((await listReleases(bench.root)).releases.map(({ version }) => version)).toEqual(['1', '2']);
    expect([await problemsOf('1'), await problemsOf('2')]).toEqual([[], []]);
    expect((await verifyRelease({ layout: bench.layout, version: '1' })).release?.records).toHaveLength(2);
  });

  it('leaves what other tools wrote into the index', async () => {
    await bench.write();
    const path = join(bench.layout, 'index.json');
    const index = bench.index();
    const foreign = { mediaType: 'application/vnd.example', digest: `sha256:${'7'.repeat(64)}`, size: 3, urls: ['https://example.invalid'] };
    writeFileSync(path, JSON.stringify({ ...index, annotations: { by: 'somebody' }, manifests: [foreign, ...index.manifests] }));
    await bench.write({ version: '2' });
    expect(bench.index()).toMatchObject({ annotations: { by: 'somebody' }, manifests: expect.arrayContaining([foreign]) as unknown });
  });
});

describe('publishers at once', () => {
  it('lose no release: twelve versions, every one of them whole', async () => {
    const versions = Array.from({ length: 12 }, (_, i) => String(i + 1));
    await Promise.all(versions.map((version) => bench.write({ version })));
    expect((await listReleases(bench.root)).releases.map(({ version }) => version).sort()).toEqual([...versions].sort());
    for (const version of versions) expect(await problemsOf(version)).toEqual([]);
  }, 30_000);

  it('of one version with two contents: exactly one wins', async () => {
    const outcomes = await Promise.allSettled(['a', 'b', 'c', 'd'].map((text) => bench.write({ model: { w: text } })));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'release_exists' });
    expect(await problemsOf()).toEqual([]);
  });

  it('hold their turn one after the other, and clear away the turns before', async () => {
    const lock = join(bench.place, 'lock');
    let inside = 0;
    await Promise.all(
      Array.from({ length: 20 }, () =>
        withIndexLock(lock, (stillHeld) => {
          expect((inside += 1)).toBe(1);
          stillHeld();
          inside -= 1;
        }),
      ),
    );
    expect(readdirSync(lock).sort()).toEqual(['20', '20.released']);
  });

  const claim = (change: object): string => JSON.stringify({ ...hostIdentity(), pid: process.pid, pidStartedAt: processStartedAt(process.pid), thread: -1, ...change });
  const held = (text: string): string => {
    const lock = join(bench.place, 'lock');
    mkdirSync(lock);
    writeFileSync(join(lock, '7'), text);
    return lock;
  };

  it.each([
    ['a process that is gone', { pidStartedAt: '1' }, 0],
    ['a boot before this one', { bootId: 'earlier' }, 0],
    ['another host, long ago', { hostId: 'other' }, 11],
  ])('take over from %s', async (_what, change, minutesAgo) => {
    const lock = held(claim(change));
    const then = Date.now() / 1000 - minutesAgo * 60;
    utimesSync(join(lock, '7'), then, then);
    await expect(withIndexLock(lock, () => 'done', 200)).resolves.toBe('done');
    expect(readdirSync(lock).sort()).toEqual(['8', '8.released']);
  });

  it.each([
    ['a live process', {}],
    ['another host', { hostId: 'other' }],
  ])('wait for %s, and then say who is waited for', async (_what, change) => {
    const lock = held(claim(change));
    await expect(withIndexLock(lock, () => 'done', 200)).rejects.toMatchObject({ code: 'release_busy', message: expect.stringContaining(join(lock, '7')) as string });
  });

  it('write nothing any more when another took over', async () => {
    const lock = join(bench.place, 'lock');
    const work = withIndexLock(lock, (stillHeld) => {
      writeFileSync(join(lock, '2'), claim({}));
      stillHeld();
    });
    await expect(work).rejects.toMatchObject({ code: 'release_busy' });
  });
});

describe('an interrupted publish', () => {
  it('leaves no reference or a whole release at every step, and the next try makes it whole', async () => {
    const release = { root: bench.root, ...(await bench.prepare()) };
    const steps: string[] = [];
    await writeRelease({ ...release, onStep: (step) => steps.push(step) });
    expect(steps.length).toBeGreaterThan(15);
    const whole = bench.contents();
    for (let i = 0; i < steps.length; i += 1) {
      rmSync(bench.root, { recursive: true });
      let step = 0;
      const dying = writeRelease({
        ...release,
        onStep: () => {
          if (step++ >= i) throw new Error('killed');
        },
      });
      await expect(dying).rejects.toThrow('killed');
      if (existsSync(join(bench.layout, 'index.json'))) expect([steps[i], await problemsOf()]).toEqual(['index', []]);
      else expect(await listReleases(bench.root)).toEqual({ releases: [], problems: [] });
      await writeRelease(release);
      expect(bench.contents()).toEqual(whole);
    }
  }, 60_000);

  it('by SIGKILL leaves nothing in the way of the next', async () => {
    const { files } = await bench.prepare();
    // What a kill in the middle of a copy, of a blob on a disk that lost power and of an index update leaves.
    const blobs = join(bench.layout, 'blobs/sha256');
    for (const directory of [blobs, join(bench.root, '.tmp'), join(bench.root, '.locks/tiny')]) mkdirSync(directory, { recursive: true });
    writeFileSync(join(bench.root, '.tmp', 'half.tmp-1-a-1'), 'half');
    writeFileSync(join(bench.root, '.tmp', 'old.tmp-1-a-1'), 'half');
    utimesSync(join(bench.root, '.tmp', 'old.tmp-1-a-1'), 1, 1);
    writeFileSync(blobPath(bench.layout, files[0]?.digest ?? ''), '');
    writeFileSync(join(bench.root, '.locks/tiny/1'), JSON.stringify({ ...hostIdentity(), pid: process.pid, pidStartedAt: '1', thread: 0 }));
    await bench.write();
    expect(await problemsOf()).toEqual([]);
    expect(readdirSync(join(bench.root, '.tmp'))).toEqual(['half.tmp-1-a-1']);
  });

  it('mends a blob that was damaged since, and the store keeps its own', async () => {
    await bench.write();
    const { files } = await bench.prepare();
    bench.overwrite(files[0]?.digest ?? '', 'damaged');
    expect(await problemsOf()).toHaveLength(1);
    await bench.write();
    expect(await problemsOf()).toEqual([]);
  });

  it('is refused by an index that is none, which it does not overwrite', async () => {
    await bench.write();
    truncateSync(join(bench.layout, 'index.json'), 20);
    await expect(bench.write({ version: '2' })).rejects.toMatchObject({ code: 'release_damaged' });
    expect(statSync(join(bench.layout, 'index.json')).size).toBe(20);
  });

  it('on a full disk says so', async (context) => {
    mkdirSync(bench.root);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'modelferry-test', bench.root], { stdio: 'ignore' });
    } catch {
      return context.skip();
    }
    try {
      await expect(bench.write({ model: { weights: 'x'.repeat(200_000) } })).rejects.toMatchObject({ code: 'storage_full' });
      expect(await listReleases(bench.root)).toEqual({ releases: [], problems: [] });
    } finally {
      execFileSync('umount', [bench.root]);
    }
  });

  it('between the blobs and the index is caught up by the index update alone', async () => {
    const { plan, ...rest } = await bench.prepare();
    await writeRelease({ root: bench.root, plan, ...rest });
    const before = bench.contents();
    await addToIndex(placeOf(bench.root, 'tiny'), '1', plan.model.descriptor, Object.values(plan.evidence).map(({ descriptor }) => descriptor));
    expect(bench.contents()).toEqual(before);
  });
});
