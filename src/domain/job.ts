import * as z from 'zod';
import { ArtifactKind, ArtifactRef } from './artifact.js';
import { Digest } from './canonical.js';
import { SERVER_NAMES } from './stage.js';
import { VerdictValue } from './reports/verdict.js';

/** How jobs are started. A new kind needs a folder under `activities/jobs/executors/` and a row in its registry. */
export const ExecutorKind = z.enum(['local']);
export type ExecutorKind = z.infer<typeof ExecutorKind>;

/** The kind of accelerator that an attempt runs on. */
export const Backend = z.enum(['nvidia', 'ascend', 'cpu']);
export type Backend = z.infer<typeof Backend>;

/** A value that a job may get as a parameter: any JSON value. */
export const JsonValue: z.ZodType<unknown> = z.json();
/** Parameters by name, any JSON values; a job finds them in `FERRY_PARAMS_FILE`. */
export const Params = z.record(z.string().min(1).max(100), JsonValue);
export type Params = z.infer<typeof Params>;

/** A job's identity. `key` is made of the rest by `jobKey` in ids.ts; one program start a key, whatever dies when. */
export const JobIdentity = z.strictObject({
  key: z.string(),
  run: z.string(),
  runUid: z.string(),
  stage: z.string(),
  round: z.number().int().positive(),
  attempt: z.number().int().positive(),
  /** Which server of the attempt it is, such as `reference`; absent for the stage's own job. */
  server: z.enum(SERVER_NAMES).optional(),
});
export type JobIdentity = z.infer<typeof JobIdentity>;

/** An environment variable of a job: a plain value, or the name of a secret that the site knows (resolved at submit). */
export const EnvValue = z.union([z.string().max(32_768), z.strictObject({ secret: z.string() })]);

/** Everything that a job needs, free of hosts and secrets: what the workflow hands to `submitJob`. */
export const JobRequest = z.strictObject({
  ...JobIdentity.shape,
  backend: Backend,
  simulated: z.boolean(),
  executor: z.string(),
  command: z.array(z.string().max(32_768)).min(1).max(1000),
  env: z.record(z.string(), EnvValue),
  params: Params,
  inputs: z.record(z.string(), ArtifactRef),
  code: ArtifactRef.optional(),
  outputs: z.record(z.string(), z.strictObject({ kind: ArtifactKind, optional: z.boolean().optional(), annotations: z.record(z.string(), z.string()).optional() })),
  graceMs: z.number().int().nonnegative(),
  /** A server: it gets a port in FERRY_PORT. */
  serves: z.boolean().optional(),
  /** The servers that run beside this job: where they are, and on what. */
  servers: z.record(z.string(), z.strictObject({ url: z.string().max(512), backend: z.string().max(60) })).optional(),
  /** Checkpoint formats that this attempt can load; absent: any. */
  loadsFormats: z.array(z.string()).optional(),
  keepCheckpoints: z.number().int().positive(),
});
export type JobRequest = z.infer<typeof JobRequest>;

/**
 * How to find a submitted job again from anywhere. `pid` and `pidStartedAt` name the wrapper, which leads the job's
 * process group; together with `bootId` they are never reused.
 */
export const JobHandle = z.strictObject({
  key: z.string(),
  executor: z.string(),
  kind: ExecutorKind,
  jobDir: z.string(),
  logPath: z.string(),
  host: z.string(),
  hostId: z.string(),
  bootId: z.string(),
  pid: z.number().int(),
  pidStartedAt: z.string(),
});
export type JobHandle = z.infer<typeof JobHandle>;

/** The newest that a job said of itself in its progress file. `at` is when the wrapper read it, in ISO 8601 UTC. */
export const JobProgress = z.strictObject({
  step: z.number().optional(),
  total: z.number().optional(),
  metrics: z.record(z.string().max(64), z.number()).optional(),
  phase: z.string().max(40).optional(),
  readyUrl: z.string().max(512).optional(),
  /** What it found about what it was given: a comparison, an audit, a quality bar. */
  verdict: z.strictObject({ value: VerdictValue, reasons: z.array(z.string().max(300)).max(5) }).optional(),
  /** Steps a second, over the newest window of at most a minute. */
  stepsPerSecond: z.number().optional(),
  at: z.string(),
});
export type JobProgress = z.infer<typeof JobProgress>;

/** A checkpoint that the wrapper hashed whole while its attempt held the newest epoch. */
export const CheckpointRecord = z.strictObject({
  step: z.number(),
  path: z.string(),
  digest: Digest,
  bytes: z.number().int().nonnegative(),
  format: z.string().max(40).optional(),
  backend: Backend,
  attempt: z.number().int().positive(),
  at: z.string(),
});
export type CheckpointRecord = z.infer<typeof CheckpointRecord>;

/**
 * Why a job was told to stop; `suspended` is `ferry dev` going to sleep and costs no budget, `finished` the end of a
 * server whose stage has what it needed.
 */
export const StopReason = z.enum(['cancelled', 'suspended', 'orphaned', 'fenced', 'replaced', 'finished']);
export type StopReason = z.infer<typeof StopReason>;

/** How a job ended, as its wrapper wrote it down. */
export const JobExit = z.strictObject({
  exitCode: z.number().int().nullable(),
  signal: z.string().nullable(),
  startedAt: z.string(),
  endedAt: z.string(),
  stopReason: StopReason.optional(),
  /** What went wrong outside the program: an output that does not exist, a full disk, a command that could not be started. */
  problem: z.strictObject({ kind: z.enum(['missing_output', 'spawn_failed', 'storage_full', 'storage_error', 'fenced', 'server_failed']), message: z.string().max(2000) }).optional(),
  outputs: z.record(z.string(), ArtifactRef),
});
export type JobExit = z.infer<typeof JobExit>;

/**
 * What an executor sees of a job. `state` is the job's, `observation` is ours: an unreachable scheduler makes the
 * observation `unknown` and changes no state. `lost` means that the job's processes are gone without an exit record.
 */
export const JobObservation = z.strictObject({
  state: z.enum(['pending', 'running', 'completing', 'exited', 'lost']),
  observation: z.enum(['ok', 'unknown']),
  detail: z.string().max(500).optional(),
  starts: z.number().int().nonnegative(),
  progress: JobProgress.optional(),
  checkpoint: CheckpointRecord.optional(),
  /** Checkpoints that a resume passed over, and why. */
  passedOver: z.array(z.string().max(300)).max(20).optional(),
  resumedFrom: z.strictObject({ step: z.number(), attempt: z.number() }).optional(),
  exit: JobExit.optional(),
});
export type JobObservation = z.infer<typeof JobObservation>;

/** What a watch heartbeats: enough for another worker to go on, and for a client to show progress. */
export const WatchHeartbeat = z.strictObject({
  handle: JobHandle,
  observation: z.enum(['ok', 'unknown']),
  unknownSince: z.string().optional(),
  starts: z.number(),
  progress: JobProgress.optional(),
  checkpoint: CheckpointRecord.optional(),
  at: z.string(),
});
export type WatchHeartbeat = z.infer<typeof WatchHeartbeat>;

/** What a finished watch tells the workflow. `lastLines` is a bounded tail of the log, for the evidence. */
export const JobOutcome = z.strictObject({
  state: z.enum(['exited', 'lost']),
  exit: JobExit.optional(),
  starts: z.number(),
  progress: JobProgress.optional(),
  checkpoint: CheckpointRecord.optional(),
  resumedFrom: z.strictObject({ step: z.number(), attempt: z.number() }).optional(),
  passedOver: z.array(z.string()).optional(),
  lastLines: z.array(z.string().max(500)).max(20),
  lineCount: z.number().int().nonnegative(),
});
export type JobOutcome = z.infer<typeof JobOutcome>;

/** A job as an executor lists it, whether or not its run still exists. */
export const JobListing = z.strictObject({
  key: z.string(),
  run: z.string(),
  runUid: z.string(),
  stage: z.string(),
  round: z.number(),
  attempt: z.number(),
  server: JobIdentity.shape.server,
  executor: z.string(),
  backend: Backend,
  simulated: z.boolean(),
  handle: JobHandle.optional(),
  state: JobObservation.shape.state,
  starts: z.number(),
  submittedAt: z.string(),
  endedAt: z.string().optional(),
});
export type JobListing = z.infer<typeof JobListing>;
