import { statSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalJson } from '../../domain/canonical.js';
import { readIfThere, writeAtomically } from '../artifacts/durable-file.js';
import { MAX_INDEX_BYTES, OciIndex, parseDocument, type Descriptor } from './documents.js';
import { withIndexLock } from './index-lock.js';
import { ANNOTATION, MEDIA } from './media-types.js';
import { ReleaseError } from './release-error.js';
import { formatRef } from './release-ref.js';

/** The places of one model's releases. What is no part of the layout lies beside it: models' names start with no dot. */
export interface LayoutPlace {
  layout: string;
  temp: string;
  lock: string;
}

export const placeOf = (root: string, model: string): LayoutPlace => ({ layout: join(root, model), temp: join(root, '.tmp'), lock: join(root, '.locks', model) });

/** A layout's index, or undefined where there is none yet. @throws ReleaseError `release_damaged` */
export function readIndex(layout: string): OciIndex | undefined {
  const path = join(layout, 'index.json');
  const there = statSync(path, { throwIfNoEntry: false });
  // Opening a pipe would wait for its writer.
  if (there?.isFile() === false) throw new ReleaseError('release_damaged', `${path} is no regular file`);
  const size = there?.size ?? 0;
  if (size > MAX_INDEX_BYTES) throw new ReleaseError('release_damaged', `${path} has ${size} bytes; an index here has at most ${MAX_INDEX_BYTES}`);
  const text = readIfThere(path);
  return text === undefined ? undefined : parseDocument(OciIndex, text, path);
}

/** What a version names. @throws ReleaseError `release_damaged` where it names two things */
export function taggedIn(index: OciIndex, version: string): Descriptor | undefined {
  const [first, second] = index.manifests.filter((entry) => entry.annotations?.[ANNOTATION.refName] === version);
  if (second !== undefined && second.digest !== first?.digest) throw new ReleaseError('release_damaged', `the index names two manifests ${version}`);
  return first;
}

/** Refuses a version that names something else already. @throws ReleaseError `release_exists` */
export function checkUntaken(layout: string, version: string, digest: string, index = readIndex(layout)): void {
  const there = index === undefined ? undefined : taggedIn(index, version);
  if (there !== undefined && there.digest !== digest)
    throw new ReleaseError('release_exists', `${formatRef({ layout, version })} is published already as ${there.digest}, and this is ${digest}: a version is published once; start a run with another version`);
}

/**
 * Names a release in the index, all of its manifests in one step: the model's under the version, its referrers after it.
 * Before this nothing refers to them. What the index holds already stays as it is.
 */
export async function addToIndex({ layout, temp, lock }: LayoutPlace, version: string, model: Descriptor, referrers: readonly Descriptor[]): Promise<void> {
  await withIndexLock(lock, (stillHeld) => {
    const index = readIndex(layout) ?? { schemaVersion: 2, mediaType: MEDIA.index, manifests: [] };
    checkUntaken(layout, version, model.digest, index);
    const entries = [{ ...model, annotations: { [ANNOTATION.refName]: version } }, ...referrers];
    const missing = entries.filter(({ digest }) => !index.manifests.some((entry) => entry.digest === digest));
    // The same manifest may stand there under no name, left by a tool.
    const [tagged] = entries;
    if (tagged !== undefined && taggedIn(index, version) === undefined && !missing.includes(tagged)) missing.unshift(tagged);
    if (missing.length === 0) return;
    const text = canonicalJson({ ...index, manifests: [...index.manifests, ...missing] });
    if (Buffer.byteLength(text) > MAX_INDEX_BYTES) throw new ReleaseError('release_refused', `the index of ${layout} would be larger than ${MAX_INDEX_BYTES} bytes: keep further releases in another root`);
    stillHeld();
    writeAtomically(join(layout, 'index.json'), text, { durable: true, tempDir: temp });
  });
}
