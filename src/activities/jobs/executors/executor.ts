import type { ExecutorKind, JobHandle, JobIdentity, JobListing, JobObservation, JobRequest, StopReason } from '../../../domain/job.js';
import type { JobPlan } from '../../../engines/jobs/job-dir.js';
import type { JobFilter, OnDamaged } from '../../../engines/jobs/list.js';
import type { ObserveMemory } from '../../../engines/jobs/observe.js';
import type { LogTail } from '../../../engines/jobs/tail.js';

/** What will be submitted, as text and data that can be looked at beforehand. It holds no secret. */
export interface RenderedJob {
  kind: ExecutorKind;
  jobDir: string;
  /** What is started, as an argument array. */
  argv: string[];
  plan: JobPlan;
}

/** `submit_unknown`: nobody knows whether it is started. `stop_failed`: it may be alive. `wrong_host`: another host's worker must do it. */
export type ExecutorErrorCode = 'bad_request' | 'submit_unknown' | 'stop_failed' | 'wrong_host';

/**
 * Thrown when an executor cannot do what it was asked for. After `submit_unknown` the job may be running or not:
 * submit again with the same key, which never starts it twice. `bad_request` stays wrong however often it is tried.
 */
export class ExecutorError extends Error {
  readonly code: ExecutorErrorCode;

  constructor(code: ExecutorErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'ExecutorError';
    this.code = code;
  }
}

/** The points of a submission at which a test kills the submitter. */
export type SubmitStep = 'before_record' | 'before_spawn' | 'after_spawn' | 'after_claim';

/** What every executor is made with, whatever its kind. */
export interface ExecutorDeps {
  executorId: string;
  /** Absolute, on a file system that every worker of this executor and every job sees. */
  jobsRoot: string;
  /** Absolute, best on the same file system: outputs are then taken in by rename. */
  storeRoot: string;
  /** What jobs inherit besides the contract's variables; without secrets that a job has no business to know. */
  env: Record<string, string>;
  /** The compiled wrapper program; default: the one of this package. */
  wrapperPath?: string;
  onStep?: (step: SubmitStep) => void;
}

/** Why a job is stopped; without `graceMs` it gets the grace that it was submitted with. */
export interface JobStop {
  reason: StopReason;
  graceMs?: number;
}

/** Where jobs run. One job a key: whatever dies when, the program of a key is started at most once. */
export interface Executor {
  readonly kind: ExecutorKind;
  /** The scheduler tells a job some time before it takes its place away. */
  readonly supportsPreemptionNotice: boolean;
  /** `tail` shows a log while the job runs. */
  readonly supportsLogStream: boolean;

  /** The handle of a job that was claimed already, whether it runs, has ended or was lost. Throws `bad_request` where the key is another run's. */
  find(identity: JobIdentity): Promise<JobHandle | undefined>;
  /** Pure. Throws `bad_request` for a request that can't be started. */
  render(request: JobRequest): RenderedJob;
  /**
   * Finds the job or starts it. `secretsEnv` reaches the job's environment and nothing else. Throws ExecutorError
   * (`bad_request` where the key is known for another request) and StoreError.
   */
  submit(rendered: RenderedJob, request: JobRequest, secretsEnv: Record<string, string>): Promise<JobHandle>;
  /** Never throws; keep `memory` between calls (start with `{}`) to make repeated calls cheap. */
  observe(handle: JobHandle, memory?: ObserveMemory): Promise<JobObservation>;
  /** Returns when nothing of the job is alive: SIGTERM, the grace, SIGKILL. Calling it again is harmless. */
  cancel(handle: JobHandle, stop: JobStop): Promise<void>;
  /** Keeps a job that nobody has claimed from ever starting its program; returns its handle if it was claimed after all. Throws as `find` does. */
  forestall(identity: JobIdentity, stop: JobStop): Promise<JobHandle | undefined>;
  tail(handle: JobHandle, lines: number): Promise<LogTail>;
  /** The jobs of this executor alone, whoever else uses the same place; `onDamaged` may also hear of what was another's. */
  list(filter?: Omit<JobFilter, 'executor'>, onDamaged?: OnDamaged): Promise<JobListing[]>;
  /** Whether `cancel` can do its work from here: false for a process of another host, which is that host's worker's business. */
  reaches(handle: JobHandle): boolean;
}
