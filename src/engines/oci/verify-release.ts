import { lstatSync } from 'node:fs';
import type { ManifestFile } from '../../domain/artifact.js';
import { digestOf } from '../../domain/canonical.js';
import { withHasher } from '../artifacts/hash-pool.js';
import { eachLimited } from '../artifacts/tree.js';
import { blobPath } from './blobs.js';
import type { Descriptor, OciManifest } from './documents.js';
import { ANNOTATION, MEDIA } from './media-types.js';
import { readRelease, type ReadRecord, type ReadRelease } from './read-release.js';
import { ReleaseError } from './release-error.js';
import { artifactDigestOf } from './release-plan.js';
import type { ReleaseRef } from './release-ref.js';

const LANES = 8;

export interface VerifiedRelease {
  /** Undefined where not even its documents could be read. */
  release?: ReadRelease;
  /**
   * Files of manifests, configs among them, that were hashed whole, and their size. The manifests themselves, which were
   * hashed as they were read, are not counted, and neither is what is missing or has another size.
   */
  blobs: number;
  bytes: number;
  /** Empty: every byte is what the digest of the reference stands for, and the record is about exactly that. */
  problems: string[];
}

/**
 * Checks a release against itself: documents and files hash to their names, model and evidence are the artifacts that
 * they say, and the record is about this model and exactly this evidence. It can't say whether the people whom the
 * record names approved: names are asserted, and nothing is signed.
 * @throws ReleaseError `release_missing` where there is no such release.
 */
export async function verifyRelease(ref: ReleaseRef): Promise<VerifiedRelease> {
  let release: ReadRelease;
  try {
    release = await readRelease(ref);
  } catch (error) {
    if (error instanceof ReleaseError && error.code === 'release_damaged') return { blobs: 0, bytes: 0, problems: [error.message] };
    throw error;
  }
  const problems = [...modelProblems(release), ...release.evidence.flatMap(({ digest, manifest }) => artifactProblems(`the evidence ${digest}`, manifest)), ...recordProblems(release)];
  const layers = new Map([release.model, ...[...release.evidence, ...release.records].map(({ manifest }) => manifest)].flatMap(({ config, layers: all }) => [config, ...all]).map((layer) => [`${layer.digest} ${layer.size}`, layer]));
  const hashed = await hashBlobs(release.layout, [...layers.values()]);
  return { release, ...hashed, problems: [...problems, ...hashed.problems] };
}

function modelProblems({ model, config, version }: ReadRelease): string[] {
  const problems = artifactProblems('the model', model);
  const { descriptor, modelfs } = config;
  const { annotations = {} } = model;
  if (annotations[ANNOTATION.version] !== version) problems.push(`the manifest is of version ${annotations[ANNOTATION.version] ?? 'unknown'}, and the index calls it ${version}`);
  if (descriptor.name !== annotations[ANNOTATION.title] || descriptor.version !== annotations[ANNOTATION.version]) problems.push(`the config is of ${descriptor.name} ${descriptor.version}, not of what the manifest says`);
  if (modelfs.diffIds.join() !== model.layers.map(({ digest }) => digest).join()) problems.push('the config lists other layers than the manifest');
  return problems;
}

/** Whether the layers of a manifest are the artifact whose digest it names. */
function artifactProblems(what: string, { layers, annotations = {} }: OciManifest): string[] {
  const problems: string[] = [];
  const files: ManifestFile[] = [];
  for (const { mediaType, digest, size, annotations: own } of layers) {
    if (mediaType === MEDIA.empty) continue;
    const path = own?.[ANNOTATION.title];
    if (path === undefined) problems.push(`${what}: the layer ${digest} has no title`);
    else if (!staysInside(path)) problems.push(`${what}: the title ${JSON.stringify(path.slice(0, 200))} leaves the folder that it is unpacked into`);
    else files.push({ path, bytes: size, sha256: digest.slice('sha256:'.length) });
  }
  const actual = artifactDigestOf(files);
  if (actual !== annotations[ANNOTATION.artifactDigest]) problems.push(`${what}: its files are the artifact ${actual}, and it says ${annotations[ANNOTATION.artifactDigest] ?? 'nothing'}`);
  if (new Set(files.map(({ path }) => path)).size < files.length) problems.push(`${what}: two layers have the same title`);
  return problems;
}

/** Whoever unpacks a release joins the titles to a folder. */
const staysInside = (path: string): boolean => !path.startsWith('/') && !path.includes('\\') && !path.includes('\0') && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');

function recordProblems(release: ReadRelease): string[] {
  const { records, evidence } = release;
  if (records.length === 0) return ['there is no record of an approval (release.json)'];
  const approved = new Set(records.flatMap(({ document }) => Object.values(document.oci.evidence)));
  return [
    ...records.flatMap((record) => problemsOfRecord(release, record)),
    ...evidence.filter(({ digest }) => !approved.has(digest)).map(({ digest }) => `the evidence ${digest} stands in no record: nobody judged by it`),
  ];
}

function problemsOfRecord({ digest, model, evidence, version }: ReadRelease, { digest: own, manifest, document }: ReadRecord): string[] {
  const problems: string[] = artifactProblems(`the record ${own}`, manifest);
  const check = (holds: boolean, problem: string): void => {
    if (!holds) problems.push(`release.json of ${own}: ${problem}`);
  };
  const { annotations = {} } = model;
  check(document.oci.model === digest, `is about the model ${document.oci.model}`);
  check(document.model === annotations[ANNOTATION.title] && document.version === version, `is of ${document.model} ${document.version}`);
  check(document.run === annotations[ANNOTATION.run] && document.runUid === annotations[ANNOTATION.runUid], `is of the run ${document.run} ${document.runUid}, and the model of ${annotations[ANNOTATION.run] ?? 'none'}`);

  const { model: weights, ...judged } = document.artifacts;
  check(weights?.digest === annotations[ANNOTATION.artifactDigest], `names the artifact ${weights?.digest ?? 'none'} as its model`);
  check(Object.keys(judged).sort().join() === Object.keys(document.oci.evidence).sort().join(), 'names other evidence among its artifacts than among its manifests');
  for (const [name, manifestDigest] of Object.entries(document.oci.evidence)) {
    const there = evidence.find((read) => read.digest === manifestDigest)?.manifest.annotations;
    check(there !== undefined, `its evidence ${name} (${manifestDigest}) is missing`);
    if (there === undefined) continue;
    check(there[ANNOTATION.evidence] === name, `its evidence ${name} calls itself ${there[ANNOTATION.evidence] ?? 'nothing'}`);
    check(there[ANNOTATION.artifactDigest] === judged[name]?.digest, `its evidence ${name} is another artifact than ${judged[name]?.digest ?? 'none'}`);
  }

  const { digests, decisions } = document.approval;
  check(digests.model === weights?.digest, `was approved for the model ${digests.model}`);
  check(digests.evidence === digestOf(Object.fromEntries(Object.entries(judged).map(([name, ref]) => [name, ref.digest]))), 'was approved by other evidence than it names');
  check(decisions.some(({ verdict }) => verdict === 'approve') && decisions.every(({ verdict }) => verdict === 'approve'), 'holds no approval, or a rejection');
  return problems;
}

async function hashBlobs(layout: string, layers: readonly Descriptor[]): Promise<Pick<VerifiedRelease, 'blobs' | 'bytes' | 'problems'>> {
  const problems: string[] = [];
  let blobs = 0;
  let bytes = 0;
  await withHasher(layers.map(({ size }) => ({ bytes: size })), (hash) =>
    eachLimited(layers, LANES, async ({ digest, size }) => {
      const path = blobPath(layout, digest);
      const there = lstatSync(path, { throwIfNoEntry: false });
      if (there === undefined) return void problems.push(`the blob ${digest} is missing`);
      if (!there.isFile()) return void problems.push(`the blob ${digest} is no regular file`);
      if (there.size !== size) return void problems.push(`the blob ${digest} has ${there.size} bytes instead of ${size}`);
      const { sha256 } = await hash(path, {});
      blobs += 1;
      bytes += size;
      if (`sha256:${sha256}` !== digest) problems.push(`the blob ${digest} hashes to sha256:${sha256}`);
    }),
  );
  return { blobs, bytes, problems: problems.sort() };
}
