import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readBounded } from '../artifacts/bounded-file.js';
import { readBlob } from './blobs.js';
import { MAX_MANIFEST_BYTES, ModelConfig, OciLayout, OciManifest, parseDocument, type Descriptor } from './documents.js';
import { readIndex, taggedIn } from './layout-index.js';
import { ANNOTATION, MEDIA } from './media-types.js';
import { ReleaseDocument } from './release-document.js';
import { ReleaseError } from './release-error.js';
import { formatRef, type ReleaseRef } from './release-ref.js';

/** It holds the layout's version and nothing else. */
const MAX_MARKER_BYTES = 4096;

export interface ReadManifest {
  digest: string;
  manifest: OciManifest;
}

export interface ReadRecord extends ReadManifest {
  document: ReleaseDocument;
}

/** A release as its layout tells it. Its documents hash to their names; its files were not looked at. */
export interface ReadRelease {
  ref: string;
  layout: string;
  version: string;
  digest: string;
  model: OciManifest;
  config: ModelConfig;
  /** By digest of the manifest. */
  evidence: ReadManifest[];
  /** More than one where the same model was approved again in a later round of its run. */
  records: ReadRecord[];
  /** Referrers that others attached, such as signatures. */
  others: ReadManifest[];
}
type ModelConfig = ReturnType<typeof ModelConfig.parse>;

/**
 * Reads a release from its layout: index, manifests and record, each hashed.
 * @throws ReleaseError `release_missing` where there is none of this name, `release_damaged` for the first document that
 * is wrong.
 */
export async function readRelease({ layout, version, digest }: ReleaseRef): Promise<ReadRelease> {
  const index = readIndex(layout);
  if (index === undefined) throw new ReleaseError('release_missing', `${layout} holds no releases: there is no index.json`);
  const marker = join(layout, 'oci-layout');
  const text = await readBounded(marker, MAX_MARKER_BYTES, (what) => new ReleaseError('release_damaged', `${marker} ${what}`));
  if (text === undefined) throw new ReleaseError('release_damaged', `${marker} is missing`);
  parseDocument(OciLayout, text, marker);
  const tagged = taggedIn(index, version);
  if (tagged === undefined) throw new ReleaseError('release_missing', `${layout} has no version ${version}; see ferry release list`);
  if (digest !== undefined && tagged.digest !== digest) throw new ReleaseError('release_damaged', `the index names ${tagged.digest} as ${version}, and the reference says ${digest}`);
  const model = await readManifest(layout, tagged);
  if (model.artifactType !== MEDIA.model) throw new ReleaseError('release_damaged', `${version} is a manifest of the type ${model.artifactType ?? 'of its config'}, which is no model`);
  const config = parseDocument(ModelConfig, await readHashed(layout, model.config), `the config ${model.config.digest}`);

  const found: Pick<ReadRelease, 'evidence' | 'records' | 'others'> = { evidence: [], records: [], others: [] };
  const seen = new Set<string>();
  for (const entry of index.manifests) {
    if (entry.mediaType !== MEDIA.manifest || entry.digest === tagged.digest || seen.has(entry.digest)) continue;
    seen.add(entry.digest);
    const manifest = await readManifest(layout, entry);
    if (manifest.subject?.digest !== tagged.digest) continue;
    const read = { digest: entry.digest, manifest };
    if (manifest.artifactType === MEDIA.evidence) found.evidence.push(read);
    else if (manifest.artifactType === MEDIA.record) found.records.push({ ...read, document: await readRecord(layout, read) });
    else found.others.push(read);
  }
  return { ref: formatRef({ layout, version, digest: tagged.digest }), layout, version, digest: tagged.digest, model, config, ...found };
}

async function readRecord(layout: string, { digest, manifest }: ReadManifest): Promise<ReleaseDocument> {
  const [layer, ...more] = manifest.layers;
  if (layer === undefined || more.length > 0) throw new ReleaseError('release_damaged', `the record ${digest} has ${manifest.layers.length} layers instead of one`);
  return parseDocument(ReleaseDocument, await readHashed(layout, layer), `release.json of the record ${digest}`);
}

const readManifest = async (layout: string, descriptor: Descriptor): Promise<OciManifest> => parseDocument(OciManifest, await readHashed(layout, descriptor), `the manifest ${descriptor.digest}`);

async function readHashed(layout: string, descriptor: Descriptor): Promise<string> {
  const content = await readBlob(layout, descriptor, MAX_MANIFEST_BYTES);
  const actual = `sha256:${createHash('sha256').update(content).digest('hex')}`;
  if (actual !== descriptor.digest) throw new ReleaseError('release_damaged', `the blob ${descriptor.digest} hashes to ${actual}`);
  return content.toString('utf8');
}

export interface ListedRelease {
  model: string;
  version: string;
  ref: string;
  digest: string;
  run: string | null;
  bytes: number;
}

/** The releases below a root by model and then in the order of publishing, and a line for each layout or version that can't be read. */
export async function listReleases(root: string): Promise<{ releases: ListedRelease[]; problems: string[] }> {
  const releases: ListedRelease[] = [];
  const problems: string[] = [];
  const telling = async (what: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      problems.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  for (const model of existsSync(root) ? readdirSync(root).filter((name) => !name.startsWith('.')).sort() : []) {
    const layout = join(root, model);
    await telling(layout, async () => {
      for (const entry of readIndex(layout)?.manifests ?? []) {
        const version = entry.annotations?.[ANNOTATION.refName];
        if (version === undefined || entry.mediaType !== MEDIA.manifest) continue;
        await telling(`${layout}:${version}`, async () => {
          const { artifactType, layers, annotations } = await readManifest(layout, entry);
          // An index that another tool made need not say the type, and it may name other things too.
          if (artifactType !== MEDIA.model) return;
          const bytes = layers.reduce((sum, { size }) => sum + size, 0);
          releases.push({ model, version, ref: formatRef({ layout, version, digest: entry.digest }), digest: entry.digest, run: annotations?.[ANNOTATION.run] ?? null, bytes });
        });
      }
    });
  }
  return { releases, problems };
}
