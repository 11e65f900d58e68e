import { Context } from '@temporalio/activity';
import { ExecutorError, type Executor, type JobStop, type RenderedJob } from '../activities/jobs/executors/executor.js';
import { requestDigest } from '../activities/jobs/executors/request-digest.js';
import type { ArtifactStore } from '../activities/artifacts/stores/store.js';
import { createExecutorListing } from './job-listing.js';
import { itemStage } from '../domain/pipeline.js';
import type { CheckpointRecord, ExecutorKind, JobHandle, JobIdentity, JobListing, JobObservation, JobRequest } from '../domain/job.js';
import type { JobFilter } from '../engines/jobs/list.js';
import type { LogTail } from '../engines/jobs/tail.js';
import { RehearsalError } from './rehearsal-error.js';
import type { ScriptInUse } from './script.js';
import { ScriptedJob, type KeepOutput } from './scripted-job.js';
import type { SkippedTime } from './skipped-time.js';

/** A server that is not ready yet is looked at so often: whether its time is up is the watch's business, which then asks its clock. */
const READY_LOOK_MS = 60_000;
const TAIL_LINE = 500;

/** What an executor knows of a run. */
export interface ScriptedRun {
  readonly script: ScriptInUse;
  /** Until when a job that does nothing more is waited for, in milliseconds since 1970. */
  readonly horizonMs: number;
  /** Hears of what the script does not provide for: the run is rehearsed no further. */
  fail(problem: RehearsalError): void;
}

export interface ScriptedExecutorDeps {
  executorId: string;
  kind: ExecutorKind;
  clock: Pick<SkippedTime, 'now' | 'sleepUntil'>;
  store: ArtifactStore;
  keep: KeepOutput;
  /** The run that a job belongs to; undefined for one that this rehearsal did not start. */
  runOf: (run: string) => ScriptedRun | undefined;
}

/**
 * Jobs that a script describes; it starts no process.
 *
 * Faithful to the local executor: one job a key, however often it is submitted; another request under a known key and
 * another run's key are refused; inputs must be whole in the store; a job that was forestalled never starts; a later
 * attempt of a round resumes from the newest checkpoint that it can load, and says what it passed over; outputs are
 * taken into the real store, and one that is missing is a problem of the job. Not played: the command and its
 * parameters, secrets, hosts, log files, the grace after SIGTERM, and damaged checkpoints.
 */
export class ScriptedExecutor implements Executor {
  readonly kind: ExecutorKind;
  readonly supportsPreemptionNotice = false;
  readonly supportsLogStream = true;
  readonly #deps: ScriptedExecutorDeps;
  readonly #jobs = new Map<string, ScriptedJob>();
  /** Keys that were stopped before anybody submitted them. */
  readonly #forestalled = new Map<string, JobStop>();
  readonly #started = new Map<string, number>();
  /** Executions, by run id, on whose behalf nobody sleeps any more. */
  readonly #left = new Set<string>();
  readonly #sleeps = new Set<Sleep>();

  constructor(deps: ScriptedExecutorDeps) {
    this.kind = deps.kind;
    this.#deps = deps;
  }

  /** Every job that was submitted, in the order of their starts. */
  get jobs(): readonly ScriptedJob[] {
    return [...this.#jobs.values()];
  }

  async find(identity: JobIdentity): Promise<JobHandle | undefined> {
    const job = this.#jobs.get(identity.key);
    if (job !== undefined && job.request.run !== identity.run) throw new ExecutorError('bad_request', `another job is known under the key ${identity.key}: it belongs to the run ${job.request.run}, not to ${identity.run}`);
    return job?.handle;
  }

  render(request: JobRequest): RenderedJob {
    const { key, run, runUid, stage, round, attempt, server, backend, simulated, command, params, outputs, graceMs, keepCheckpoints } = request;
    const plan = { schema: 'modelferry.job/1' as const, identity: { key, run, runUid, stage, round, attempt, ...(server !== undefined && { server }) }, executor: this.#deps.executorId, kind: this.kind, backend, simulated, command, env: {}, secretNames: [], params, needs: [], outputs, graceMs, keepCheckpoints, storeRoot: '' };
    return { kind: this.kind, jobDir: `rehearsed/${key}`, argv: command, plan };
  }

  async submit(_rendered: RenderedJob, request: JobRequest): Promise<JobHandle> {
    const known = this.#jobs.get(request.key);
    if (known !== undefined) {
      if (requestDigest(known.request) !== requestDigest(request)) throw new ExecutorError('bad_request', `another job is known under the key ${request.key}: it was submitted by the run ${known.request.run} with another request`);
      return known.handle;
    }
    for (const { digest } of [...Object.values(request.inputs), ...(request.code ? [request.code] : [])]) await this.#deps.store.files(digest);
    const job = this.#start(request, await this.#deps.clock.now());
    const stop = this.#forestalled.get(request.key);
    if (stop !== undefined) job.neverStart(stop.reason, job.startedAtMs);
    return job.handle;
  }

  /** Where something is still to happen, time is let pass until it does: an answer is always news. */
  async observe(handle: JobHandle, memory?: object): Promise<JobObservation> {
    const job = this.#jobOf(handle.key);
    const now = await this.#deps.clock.now();
    await job.advanceTo(now);
    if (!job.ended.signal.aborted && memory !== undefined) await job.advanceTo(await this.#waitFor(job, now));
    return job.seen;
  }

  async cancel(handle: JobHandle, { reason }: JobStop): Promise<void> {
    await this.#jobOf(handle.key).stop(reason, await this.#deps.clock.now());
  }

  async forestall(identity: JobIdentity, stop: JobStop): Promise<JobHandle | undefined> {
    this.#forestalled.set(identity.key, stop);
    return await this.find(identity);
  }

  async tail(handle: JobHandle, lines: number): Promise<LogTail> {
    const { log } = this.#jobOf(handle.key);
    return { lines: log.slice(-lines).map((line) => line.slice(0, TAIL_LINE)), lineCount: log.length };
  }

  async list(filter: Omit<JobFilter, 'executor'> = {}): Promise<JobListing[]> {
    return this.jobs.filter(({ request: { run, runUid } }) => (filter.run ?? run) === run && (filter.runUid ?? runUid) === runUid).map(createExecutorListing);
  }

  reaches(): boolean {
    return true;
  }

  #jobOf(key: string): ScriptedJob {
    const job = this.#jobs.get(key);
    if (job === undefined) throw new ExecutorError('bad_request', `no job was submitted under the key ${key}`);
    return job;
  }

  #start(request: JobRequest, startedAtMs: number): ScriptedJob {
    const { stage, server, key, run } = request;
    const name = server === undefined ? stage : `${stage}.${server}`;
    const scripted = this.#deps.runOf(run);
    if (scripted === undefined) throw new ExecutorError('bad_request', `the run ${run} was not started by this rehearsal`);
    const ordinal = (this.#started.get(`${run} ${name}`) ?? 0) + 1;
    this.#started.set(`${run} ${name}`, ordinal);
    try {
      const of = fanOutOf(request);
      const entry = scripted.script.takeJob({ name, isServer: server !== undefined, ...(of !== undefined && { fanOut: server === undefined ? of : `${of}.${server}` }) });
      const { resume, passedOver } = this.#resumeOf(request);
      const handle: JobHandle = { key, executor: this.#deps.executorId, kind: this.kind, jobDir: `rehearsed/${key}`, logPath: `rehearsed/${key}/log`, host: 'rehearsed', hostId: 'rehearsed', bootId: 'rehearsed', pid: 0, pidStartedAt: new Date(startedAtMs).toISOString() };
      const job = new ScriptedJob({ request, handle, script: entry, ordinal, startedAtMs, resume, passedOver, keep: this.#deps.keep });
      this.#jobs.set(key, job);
      return job;
    } catch (error) {
      if (!(error instanceof RehearsalError)) throw error;
      scripted.fail(error);
      throw new ExecutorError('bad_request', error.message);
    }
  }

  /** The newest checkpoint of the attempts before it in its round that it can load. */
  #resumeOf({ runUid, stage, round, server, loadsFormats }: JobRequest): { resume?: CheckpointRecord; passedOver: string[] } {
    const before = this.jobs.filter(({ request }) => request.runUid === runUid && request.stage === stage && request.round === round && request.server === undefined);
    const candidates = server === undefined ? before.flatMap((job) => job.checkpoints).reverse() : [];
    const resume = candidates.find(({ format }) => loadsFormats === undefined || (format !== undefined && loadsFormats.includes(format)));
    const passed = candidates.slice(0, resume === undefined ? undefined : candidates.indexOf(resume));
    return { ...(resume !== undefined && { resume }), passedOver: passed.slice(0, 20).map(({ step, attempt, format }) => `step ${step} of attempt ${attempt}: its format ${format ?? '(not told)'} is none of ${(loadsFormats ?? []).join(', ')}`) };
  }

  /**
   * Ends every sleep on behalf of an execution that has closed, and has none begin any more. Once this has resolved, each
   * activity that the execution has left holds time again, and can be given back by whoever counts them.
   */
  async leave(runId: string): Promise<void> {
    this.#left.add(runId);
    const sleeps = [...this.#sleeps].filter((sleep) => sleep.runId === runId);
    for (const { left } of sleeps) left.abort();
    await Promise.allSettled(sleeps.map(({ slept }) => slept));
  }

  /**
   * Sleeps until the job's script goes on, or the job is stopped; resolves to a time that has been reached. After
   * continue-as-new the watch of the execution before still waits here: it wakes up with the job's end or its own.
   */
  async #waitFor(job: ScriptedJob, nowMs: number): Promise<number> {
    const { cancellationSignal, info } = Context.current();
    const runId = info.workflowExecution?.runId ?? '';
    const over = AbortSignal.any([job.ended.signal, cancellationSignal]);
    if (!this.#left.has(runId)) {
      const nextMs = Math.min(job.nextAtMs() ?? this.#deps.runOf(job.request.run)?.horizonMs ?? nowMs, job.request.serves === true && !job.isReady ? nowMs + READY_LOOK_MS : Infinity);
      if (await this.#sleep(runId, nextMs, over, nowMs)) return nextMs;
    }
    if (this.#left.has(runId)) await whenAborted(over);
    return nowMs;
  }

  async #sleep(runId: string, atMs: number, over: AbortSignal, fromMs: number): Promise<boolean> {
    const left = new AbortController();
    const slept = this.#deps.clock.sleepUntil(atMs, { signal: AbortSignal.any([over, left.signal]), fromMs });
    const sleep = { runId, left, slept };
    this.#sleeps.add(sleep);
    try {
      return await slept;
    } finally {
      this.#sleeps.delete(sleep);
    }
  }
}

/** What a watch waits in, and for which execution. */
interface Sleep {
  runId: string;
  left: AbortController;
  slept: Promise<boolean>;
}

/** The stage whose item a job works on; undefined for the job of a stage that was called once. */
function fanOutOf({ stage, params: { item } }: JobRequest): string | undefined {
  const of = typeof item === 'string' ? stage.slice(0, -item.length - 1) : '';
  return of !== '' && itemStage(of, String(item)) === stage ? of : undefined;
}

function whenAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
