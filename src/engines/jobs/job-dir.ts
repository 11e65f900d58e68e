import { mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Backend, CheckpointRecord, ExecutorKind, JobExit, JobHandle, JobIdentity, JobProgress, StopReason } from '../../domain/job.js';
import { createAtomically, readIfThere, writeAtomically } from '../artifacts/durable-file.js';
import { systemCode } from '../artifacts/store-error.js';

/** What a job is, as an executor renders it: free of secrets, complete enough that its wrapper needs nothing else. */
export interface JobPlan {
  schema: 'modelferry.job/1';
  identity: JobIdentity;
  executor: string;
  kind: ExecutorKind;
  backend: Backend;
  simulated: boolean;
  command: string[];
  /** The contract's variables and the plain ones of the request. */
  env: Record<string, string>;
  /** Names of the variables whose values are secret and come only through the wrapper's own environment. */
  secretNames: string[];
  params: Record<string, unknown>;
  /** Digests of everything that must be in the store before the job starts. */
  needs: string[];
  codeDir?: string;
  outputs: Record<string, { kind: string; optional?: boolean; annotations?: Record<string, string> }>;
  /** A server: its wrapper gives it a free port in FERRY_PORT. */
  serves?: boolean;
  graceMs: number;
  keepCheckpoints: number;
  storeRoot: string;
}

/** A plan as it was frozen when the job was first submitted: a later submission of the same key finds it and changes nothing. */
export interface JobRecord extends JobPlan {
  submittedAt: string;
  /** Of what makes the request this job and no other: see `requestDigest`. Absent in records of before it was kept. */
  requestDigest?: string;
  resume?: CheckpointRecord;
  /** What a later attempt may resume from besides this attempt's own checkpoints, newest first. */
  candidates: CheckpointRecord[];
  passedOver: string[];
}

/** Who runs the job: written once, by the one wrapper that won the race for it. */
export interface Claim {
  pid: number;
  pidStartedAt: string;
  host: string;
  hostId: string;
  bootId: string;
  at: string;
}

/** Every start of the program leaves one; there is never more than one a key. */
export type StartRecord = Claim;

export interface StopRequest {
  reason: StopReason;
  at: string;
  graceMs: number;
}

/** What the wrapper last saw. Not durable: it is written several times a second and is worth nothing after a crash. */
export interface WrapperState {
  phase: 'running' | 'completing';
  progress?: JobProgress;
  checkpoint?: CheckpointRecord;
  /** Set once the wrapper has passed a stop on, so that whoever asked need not signal as well. */
  stopping?: boolean;
  ignoredLines: number;
  /** The newest thing that went wrong without ending the job. */
  note?: string;
}

/** Where a job's files are. `stageDir` is shared by all attempts and rounds of a stage. */
export function jobPaths(jobDir: string) {
  const stageDir = dirname(jobDir);
  return {
    jobDir,
    record: join(jobDir, 'job.json'),
    claim: join(jobDir, 'claim'),
    starts: join(jobDir, 'starts.jsonl'),
    exit: join(jobDir, 'exit.json'),
    stop: join(jobDir, 'stop.json'),
    state: join(jobDir, 'state.json'),
    log: join(jobDir, 'log'),
    wrapperLog: join(jobDir, 'wrapper.log'),
    reserve: join(jobDir, 'reserve'),
    progress: join(jobDir, 'progress.jsonl'),
    params: join(jobDir, 'params.json'),
    out: join(jobDir, 'out'),
    ownCheckpoints: join(jobDir, 'checkpoints'),
    work: join(jobDir, 'work'),
    stageDir,
    epochs: join(stageDir, 'epoch'),
    published: join(stageDir, 'checkpoints'),
  };
}
export type JobPaths = ReturnType<typeof jobPaths>;

const SAFE_PART = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;

/** Throws a TypeError for an identity that would leave the root. */
export function jobDirOf(jobsRoot: string, identity: Pick<JobIdentity, 'key' | 'runUid' | 'stage' | 'server'>): string {
  // Each server of a stage has a folder of its own beside the stage's: epochs fence the attempts within one.
  const lane = identity.server === undefined ? identity.stage : `${identity.stage}-${identity.server}`;
  for (const part of [identity.runUid, lane, identity.key]) {
    if (!SAFE_PART.test(part)) throw new TypeError(`${JSON.stringify(part.slice(0, 100))} cannot be a directory's name: use letters, digits, dot, dash and underscore`);
  }
  return join(jobsRoot, identity.runUid, lane, identity.key);
}

/** Keeps the first record ever written for a key; true if it was this one. */
export function freezeJobRecord(jobDir: string, record: JobRecord): boolean {
  mkdirSync(jobDir, { recursive: true });
  return createAtomically(jobPaths(jobDir).record, JSON.stringify(record, null, 1));
}

function readJson<T>(path: string): T | undefined {
  const text = readIfThere(path);
  return text === undefined ? undefined : (JSON.parse(text) as T);
}

export const readJobRecord = (jobDir: string): JobRecord | undefined => readJson<JobRecord>(jobPaths(jobDir).record);
export const readClaim = (jobDir: string): Claim | undefined => readJson<Claim>(jobPaths(jobDir).claim);
export const readExit = (jobDir: string): JobExit | undefined => readJson<JobExit>(jobPaths(jobDir).exit);
export const readStop = (jobDir: string): StopRequest | undefined => readJson<StopRequest>(jobPaths(jobDir).stop);
export const readState = (jobDir: string): WrapperState | undefined => readJson<WrapperState>(jobPaths(jobDir).state);

/** True for the one wrapper that may run the job. */
export const takeClaim = (jobDir: string, claim: Claim): boolean => createAtomically(jobPaths(jobDir).claim, JSON.stringify(claim));

/** The first request stands; a later one is only carried out from outside. */
export const askToStop = (jobDir: string, stop: StopRequest): boolean => createAtomically(jobPaths(jobDir).stop, JSON.stringify(stop));

export const writeExit = (jobDir: string, exit: JobExit): void => writeAtomically(jobPaths(jobDir).exit, JSON.stringify(exit, null, 1), { durable: true });

export const writeState = (jobDir: string, state: WrapperState): void => writeAtomically(jobPaths(jobDir).state, JSON.stringify(state), { durable: false });

/** How many starts of the program are on record. A line that a crash cut short was no complete record and isn't counted. */
export function countStarts(jobDir: string): number {
  const text = readIfThere(jobPaths(jobDir).starts) ?? '';
  return text.split('\n').length - 1;
}

/** The handle of a claimed job: it can be made again from the directory alone, by anyone. */
export function handleOf(record: JobRecord, jobDir: string, claim: Claim): JobHandle {
  const { pid, pidStartedAt, host, hostId, bootId } = claim;
  return { key: record.identity.key, executor: record.executor, kind: record.kind, jobDir, logPath: jobPaths(jobDir).log, host, hostId, bootId, pid, pidStartedAt };
}

type Turn = Pick<JobIdentity, 'round' | 'attempt'>;

const isNewer = (a: Turn, b: Turn): boolean => a.round > b.round || (a.round === b.round && a.attempt > b.attempt);

/**
 * Makes an attempt the stage's newest, unless a newer one is known. The epoch is the greatest name in a directory
 * rather than a number in a file: two submitters then need no lock, and it never goes back.
 */
export function raiseEpoch(jobDir: string, { round, attempt }: Turn): void {
  const { epochs } = jobPaths(jobDir);
  mkdirSync(epochs, { recursive: true });
  createAtomically(join(epochs, `r${round}.a${attempt}`), '');
}

/** True once a newer attempt of the stage was submitted: this one may publish nothing any more. */
export function isFenced(jobDir: string, turn: Turn): boolean {
  return namesIn(jobPaths(jobDir).epochs).some((name) => {
    const match = /^r(\d+)\.a(\d+)$/.exec(name);
    return match !== null && isNewer({ round: Number(match[1]), attempt: Number(match[2]) }, turn);
  });
}

export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return [];
    throw error;
  }
}
