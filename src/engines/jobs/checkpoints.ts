import { mkdirSync } from 'node:fs';
import { readFile, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Manifest } from '../../domain/artifact.js';
import type { CheckpointRecord, JobIdentity } from '../../domain/job.js';
import { digestOf } from '../../domain/digest.js';
import { readIfThere, syncDirectoryAsync, tempName, writeAtomically } from '../artifacts/durable-file.js';
import { compareWithManifest, hashTree } from '../artifacts/manifest.js';
import { StoreError, systemCode } from '../artifacts/store-error.js';
import { copyTree, listTree, sameStat } from '../artifacts/tree.js';
import { isFenced, jobDirOf, jobPaths, namesIn, readJobRecord } from './job-dir.js';
import type { JobPlan } from './job-dir.js';
import { insideOf } from './progress-reader.js';
import type { AnnouncedCheckpoint } from './progress-reader.js';

/** Up to here a checkpoint is copied: a copy can't be damaged by a trainer that overwrites its file in place. */
const ALWAYS_COPY_BYTES = 256 * 1024 * 1024;
/** Longer histories of damage help nobody, and they travel through the workflow. */
const MAX_PASSED_OVER = 20;
const MAX_PASSED_OVER_LENGTH = 300;

const NAME = /^r(\d+)\.a(\d+)-(.+)$/;

interface Published {
  name: string;
  round: number;
  attempt: number;
  step: number;
}

/** The published checkpoints of a stage, newest first: by round, attempt and step. Half-removed ones are left out. */
function listPublished(published: string): Published[] {
  const found: Published[] = [];
  for (const name of namesIn(published)) {
    const match = NAME.exec(name);
    if (match) found.push({ name, round: Number(match[1]), attempt: Number(match[2]), step: Number(match[3]) });
  }
  return found.sort((a, b) => b.round - a.round || b.attempt - a.attempt || b.step - a.step);
}

function readRecord(directory: string): CheckpointRecord | undefined {
  try {
    const text = readIfThere(join(directory, 'checkpoint.json'));
    return text === undefined ? undefined : (JSON.parse(text) as CheckpointRecord);
  } catch {
    return undefined;
  }
}

/** Removes what interrupted publishers left. Only the newest attempt may call it: whoever else still writes there is fenced. */
export async function sweepUnpublished(jobDir: string): Promise<void> {
  const { published } = jobPaths(jobDir);
  for (const name of namesIn(published)) if (name.startsWith('.')) await rm(join(published, name), { recursive: true, force: true });
}

/** Publishes what a job announces, so that a later attempt may resume from it. */
export class CheckpointPublisher {
  readonly #plan: JobPlan;
  readonly #jobDir: string;
  readonly #announced = new Set<string>();

  constructor(jobDir: string, plan: JobPlan) {
    this.#jobDir = jobDir;
    this.#plan = plan;
  }

  /**
   * Hashes an announced checkpoint whole and puts it among the stage's checkpoints; undefined if the attempt is fenced.
   * Throws a StoreError for a path outside the checkpoint directory, or files that change while they are read.
   */
  async publish(announced: AnnouncedCheckpoint): Promise<CheckpointRecord | undefined> {
    const { identity, backend, keepCheckpoints } = this.#plan;
    const paths = jobPaths(this.#jobDir);
    if (isFenced(this.#jobDir, identity)) return undefined;
    const source = await this.#resolve(announced.path);
    mkdirSync(paths.published, { recursive: true });
    const name = `r${identity.round}.a${identity.attempt}-${announced.step}`;
    const target = join(paths.published, name);
    const temp = tempName(join(paths.published, `.${name}`));
    try {
      const tree = await listTree(source);
      if (tree.files.length === 0) throw new StoreError('artifact_missing', `${announced.path} holds no file`);
      const size = tree.files.reduce((sum, file) => sum + file.bytes, 0);
      // A path that was announced before is being used again and again: a linked copy would change with it.
      const link = size > ALWAYS_COPY_BYTES && !this.#announced.has(source);
      this.#announced.add(source);
      await copyTree(tree, join(temp, 'data'), { link });
      const hashed = await hashTree(await listTree(join(temp, 'data')), { sync: true });
      const after = await listTree(source);
      if (after.files.length !== tree.files.length || !after.files.every((file, index) => file.path === tree.files[index]?.path && sameStat(file, tree.files[index]))) {
        throw new StoreError('storage_error', `${announced.path} changed while it was hashed: announce a checkpoint only once it is complete`);
      }
      const record: CheckpointRecord = {
        step: announced.step,
        // What the program announced is what the next one gets back: a file for a file, a directory for a directory.
        path: tree.isFile ? join(target, 'data', tree.files[0]?.path ?? '') : join(target, 'data'),
        digest: hashed.digest,
        bytes: hashed.bytes,
        ...(announced.format !== undefined && { format: announced.format }),
        backend,
        attempt: identity.attempt,
        at: new Date().toISOString(),
      };
      writeAtomically(join(temp, 'manifest.json'), JSON.stringify(hashed.manifest), { durable: true });
      writeAtomically(join(temp, 'checkpoint.json'), JSON.stringify(record), { durable: true });
      // Hashing may have taken minutes; the attempt may have been replaced meanwhile.
      if (isFenced(this.#jobDir, identity)) return undefined;
      await replaceDirectory(temp, target);
      await syncDirectoryAsync(paths.published);
      await this.#prune(paths.published, identity, keepCheckpoints);
      return record;
    } finally {
      await rm(temp, { recursive: true, force: true });
    }
  }

  async #resolve(path: string): Promise<string> {
    const root = jobPaths(this.#jobDir).ownCheckpoints;
    const inside = insideOf(root, path);
    if (inside === undefined) throw new StoreError('path_refused', `${path} is outside FERRY_CHECKPOINT_DIR`);
    const real = await realpath(inside);
    if (insideOf(await realpath(root), real) === undefined) throw new StoreError('path_refused', `${path} is a link out of FERRY_CHECKPOINT_DIR`);
    return real;
  }

  async #prune(published: string, identity: JobIdentity, keep: number): Promise<void> {
    const all = listPublished(published);
    for (const { name } of all.slice(keep)) {
      // A fenced attempt must not remove what its successor may be resuming from.
      if (isFenced(this.#jobDir, identity)) return;
      await rm(join(published, name), { recursive: true, force: true });
    }
  }
}

async function replaceDirectory(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (systemCode(error) !== 'ENOTEMPTY' && systemCode(error) !== 'EEXIST') throw error;
    // The program announced the same step again: the newer content counts.
    const old = tempName(`${from}.old`);
    await rename(to, old);
    await rename(from, to);
    await rm(old, { recursive: true, force: true });
  }
}

/**
 * What attempt N may resume from, newest first: what the attempt before it published, then what that attempt itself
 * could have resumed from, as frozen in its record. Anything published outside this chain, such as by a fenced
 * process that lived on, is never seen. Attempts of earlier rounds are not in it: a round begins anew.
 */
export function resumeCandidates(jobsRoot: string, identity: JobIdentity, keyOf: (attempt: number) => string): CheckpointRecord[] {
  for (let attempt = identity.attempt - 1; attempt >= 1; attempt -= 1) {
    const jobDir = jobDirOf(jobsRoot, { ...identity, key: keyOf(attempt) });
    const record = readJobRecord(jobDir);
    if (record === undefined) continue;
    const { published } = jobPaths(jobDir);
    const own = listPublished(published)
      .filter((entry) => entry.round === identity.round && entry.attempt === attempt)
      .map((entry) => readRecord(join(published, entry.name)))
      .filter((found) => found !== undefined);
    return [...own, ...record.candidates];
  }
  return [];
}

export interface ResumeChoice {
  resume?: CheckpointRecord;
  /** Kept for a later attempt: the chosen one and everything older that isn't known to be damaged. */
  candidates: CheckpointRecord[];
  /** Each checkpoint that could not be used, and why. */
  passedOver: string[];
}

/** Hashes candidates whole, newest first, until one is exactly what was published and of a format that can be loaded. */
export async function chooseResume(candidates: CheckpointRecord[], loadsFormats: string[] | undefined): Promise<ResumeChoice> {
  const kept: CheckpointRecord[] = [];
  const passedOver: string[] = [];
  const passOver = (record: CheckpointRecord, why: string): void => {
    if (passedOver.length < MAX_PASSED_OVER) passedOver.push(`step ${record.step} of attempt ${record.attempt}: ${why}`.slice(0, MAX_PASSED_OVER_LENGTH));
  };
  for (const [index, record] of candidates.entries()) {
    if (loadsFormats !== undefined && (record.format === undefined || !loadsFormats.includes(record.format))) {
      passOver(record, `its format ${record.format ?? '(not told)'} is none of ${loadsFormats.join(', ')}`);
      kept.push(record);
      continue;
    }
    const problem = await damageOf(record);
    if (problem === undefined) return { resume: record, candidates: [...kept, ...candidates.slice(index)], passedOver };
    passOver(record, problem);
  }
  return { candidates: kept, passedOver };
}

/** A record's `path` is `<directory>/data`, or the one file right below it. */
function publishedDirectory({ path }: CheckpointRecord): string {
  return NAME.test(basename(dirname(path))) ? dirname(path) : dirname(dirname(path));
}

/** What is wrong with a published checkpoint, naming the file; undefined if it is whole. */
async function damageOf(record: CheckpointRecord): Promise<string | undefined> {
  const directory = publishedDirectory(record);
  try {
    const manifest = JSON.parse(await readFile(join(directory, 'manifest.json'), 'utf8')) as Manifest;
    if (digestOf(manifest) !== record.digest) return 'its manifest was changed';
    const { problems } = await compareWithManifest(join(directory, 'data'), manifest);
    return problems.length === 0 ? undefined : problems.join('; ');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 'it is no longer there';
    return error instanceof Error ? error.message : String(error);
  }
}
