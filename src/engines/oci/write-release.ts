import { readdirSync, rmSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { canonicalJson } from '../../domain/canonical.js';
import { createAtomically, readIfThere, syncDirectory } from '../artifacts/durable-file.js';
import { StoreError, toStoreError } from '../artifacts/store-error.js';
import { eachLimited } from '../artifacts/tree.js';
import { placeFile, placeText, type BlobFile } from './blobs.js';
import { addToIndex, checkUntaken, placeOf } from './layout-index.js';
import { ReleaseError } from './release-error.js';
import { formatRef } from './release-ref.js';
import { planRecord, type ReleasePlan } from './release-plan.js';

/** A copy of a large model takes hours; what is older was left by a crash. */
const TEMP_MAX_AGE_MS = 24 * 3_600_000;
const LANES = 4;

export interface ReleaseToWrite {
  /** Absolute; each model has a layout directory of its own in it. */
  root: string;
  model: string;
  version: string;
  plan: ReleasePlan;
  /** The files of the model and of the evidence, whole as of now. */
  files: readonly BlobFile[];
  /** The record: what was approved, and by whom. */
  releaseJson: string;
  /** Told what was just done: where a test interrupts. */
  onStep?: (step: string) => void;
}

/**
 * Writes a release into the OCI image layout of its model: every blob first, then their directories, then one atomic
 * update of the index. Interrupted anywhere, it leaves blobs that nothing refers to, which the next try uses. The same
 * release again changes nothing.
 * @returns the reference, `oci:LAYOUT:VERSION@DIGEST` with the digest of the model's manifest.
 * @throws ReleaseError `release_exists` for a version that is published with another content, StoreError `storage_full` …
 */
export async function writeRelease({ root, model, version, plan, files, releaseJson, onStep = () => undefined }: ReleaseToWrite): Promise<string> {
  const place = placeOf(root, model);
  const { layout, temp } = place;
  const { digest } = plan.model.descriptor;
  try {
    // Before hours of copying; what counts is the same look under the lock.
    checkUntaken(layout, version, digest);
    const blobs = join(layout, 'blobs', 'sha256');
    for (const directory of [blobs, temp]) await mkdir(directory, { recursive: true });
    removeOldTemp(temp);
    onStep('directories');
    const wanted = [...new Map(files.map((file) => [file.digest, file])).values()];
    await eachLimited(wanted, LANES, async (file) => {
      await placeFile(layout, temp, file);
      onStep(`file ${file.digest}`);
    });
    const record = planRecord(plan, releaseJson);
    const referrers = [...Object.values(plan.evidence), record];
    for (const blob of [plan.model, ...referrers].flatMap((planned) => planned.blobs)) {
      placeText(layout, temp, blob);
      onStep(`document ${blob.digest}`);
    }
    const marker = join(layout, 'oci-layout');
    if (readIfThere(marker) === undefined) createAtomically(marker, canonicalJson({ imageLayoutVersion: '1.0.0' }));
    for (const directory of [blobs, dirname(blobs), layout, root]) syncDirectory(directory);
    onStep('layout');
    await addToIndex(place, version, plan.model.descriptor, referrers.map(({ descriptor }) => descriptor));
    onStep('index');
    return formatRef({ layout, version, digest });
  } catch (error) {
    if (error instanceof ReleaseError || error instanceof StoreError) throw error;
    throw toStoreError(error, `publishing ${model} ${version} into ${layout}`);
  }
}

function removeOldTemp(temp: string): void {
  for (const name of readdirSync(temp)) {
    const path = join(temp, name);
    if (Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > TEMP_MAX_AGE_MS) rmSync(path, { force: true });
  }
}
