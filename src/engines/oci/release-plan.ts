import { createHash } from 'node:crypto';
import type { ManifestFile } from '../../domain/artifact.js';
import { canonicalJson, digestOf } from '../../domain/canonical.js';
import { MAX_MANIFEST_BYTES, type Descriptor, type OciManifest } from './documents.js';
import { ANNOTATION, MEDIA, evidenceLayerType, modelLayerType } from './media-types.js';
import { ReleaseError } from './release-error.js';
import { checkNames } from './release-ref.js';

/** An artifact of the store with its files. */
export interface ReleasePart {
  kind: string;
  digest: string;
  files: readonly ManifestFile[];
}

export interface ReleaseContent {
  model: string;
  version: string;
  run: string;
  runUid: string;
  weights: ReleasePart;
  /** By its name in the run, such as `quality`. */
  evidence: Readonly<Record<string, ReleasePart>>;
}

/** A document of the release as it will stand among the blobs. */
export interface PlannedBlob {
  digest: string;
  text: string;
}

export interface PlannedManifest {
  descriptor: Descriptor;
  /** Its own text, and those of its config and of layers that are no files of the store. */
  blobs: PlannedBlob[];
}

export interface ReleasePlan {
  model: PlannedManifest;
  evidence: Record<string, PlannedManifest>;
}

/** As the OCI specification has it: the blob of those that have nothing to say. */
const EMPTY: PlannedBlob = blobOf('{}');

/**
 * Every manifest of a release but its record. Pure, and nothing in it depends on when or where: the same content has the
 * same digests. The evidence points to the model by `subject`, so it is found as the model's referrers.
 * @throws ReleaseError `release_refused` for names that can't be a directory or a tag, a model without a file, and more
 * files than a manifest holds.
 */
export function planRelease({ model, version, run, runUid, weights, evidence }: ReleaseContent): ReleasePlan {
  checkNames(model, version);
  if (weights.files.length === 0) throw new ReleaseError('release_refused', `the model ${weights.digest} has no file: nothing to release`);
  const layers = weights.files.map((file) => layerOf(file, modelLayerType(file.path), { [ANNOTATION.modelFile]: file.path }));
  const config = blobOf(canonicalJson({ descriptor: { name: model, version }, config: {}, modelfs: { type: 'layers', diffIds: layers.map(({ digest }) => digest) } }));
  const names = { [ANNOTATION.title]: model, [ANNOTATION.version]: version, [ANNOTATION.run]: run, [ANNOTATION.runUid]: runUid };
  const planned = manifestOf({
    artifactType: MEDIA.model,
    config: { mediaType: MEDIA.modelConfig, digest: config.digest, size: sizeOf(config) },
    layers,
    annotations: { ...names, [ANNOTATION.artifactKind]: weights.kind, [ANNOTATION.artifactDigest]: weights.digest },
  });
  const subject = planned.descriptor;
  // Sorted, so that the order in which stages ran changes nothing.
  const attached = Object.entries(evidence).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, part]) => {
    const annotations = { ...names, [ANNOTATION.title]: name, [ANNOTATION.evidence]: name, [ANNOTATION.artifactKind]: part.kind, [ANNOTATION.artifactDigest]: part.digest };
    return [name, referrerOf(MEDIA.evidence, part.files.map((file) => layerOf(file, evidenceLayerType(file.path))), subject, annotations)] as const;
  });
  return { model: { ...planned, blobs: [config, ...planned.blobs] }, evidence: Object.fromEntries(attached) };
}

/** The record of a release, `release.json`, as one more referrer of its model. */
export function planRecord(plan: ReleasePlan, releaseJson: string): PlannedManifest {
  const blob = blobOf(releaseJson);
  const file = { path: 'release.json', bytes: sizeOf(blob), sha256: blob.digest.slice('sha256:'.length) };
  const annotations = { [ANNOTATION.artifactKind]: 'release', [ANNOTATION.artifactDigest]: artifactDigestOf([file]) };
  const planned = referrerOf(MEDIA.record, [layerOf(file, MEDIA.record)], plan.model.descriptor, annotations);
  return { ...planned, blobs: [blob, ...planned.blobs] };
}

/** The digest that the store gives to an artifact with these files. */
export const artifactDigestOf = (files: readonly ManifestFile[]): string =>
  digestOf({ schema: 'modelferry.manifest/1', files: [...files].sort((a, b) => (a.path < b.path ? -1 : 1)).map(({ path, bytes, sha256 }) => ({ path, bytes, sha256 })) });

function referrerOf(artifactType: string, layers: Descriptor[], subject: Descriptor, annotations: Record<string, string>): PlannedManifest {
  const empty = { mediaType: MEDIA.empty, digest: EMPTY.digest, size: sizeOf(EMPTY) };
  // A manifest has at least one layer, or some registries refuse it.
  const planned = manifestOf({ artifactType, config: empty, layers: layers.length === 0 ? [empty] : layers, subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size }, annotations });
  return { ...planned, blobs: [EMPTY, ...planned.blobs] };
}

function manifestOf(content: Pick<OciManifest, 'config' | 'layers' | 'subject' | 'annotations'> & { artifactType: string }): PlannedManifest {
  const blob = blobOf(canonicalJson({ schemaVersion: 2, mediaType: MEDIA.manifest, ...content }));
  const size = sizeOf(blob);
  if (size > MAX_MANIFEST_BYTES) throw new ReleaseError('release_refused', `${content.layers.length} files make a manifest of ${size} bytes, and registries take ${MAX_MANIFEST_BYTES}: pack them into fewer`);
  return { descriptor: { mediaType: MEDIA.manifest, digest: blob.digest, size, artifactType: content.artifactType }, blobs: [blob] };
}

const layerOf = ({ path, bytes, sha256 }: ManifestFile, mediaType: string, more: Record<string, string> = {}): Descriptor => ({
  mediaType,
  digest: `sha256:${sha256}`,
  size: bytes,
  annotations: { [ANNOTATION.title]: path, ...more },
});

function blobOf(text: string): PlannedBlob {
  return { digest: `sha256:${createHash('sha256').update(text).digest('hex')}`, text };
}

const sizeOf = ({ text }: PlannedBlob): number => Buffer.byteLength(text);
