import type { JobListing } from './job.js';

export interface SweepRequest {
  /** The task queues whose executors are asked; absent: those of the worker that takes this. */
  queues?: string[];
  /** Tell what would be ended, and end nothing. */
  dryRun: boolean;
  /** Only list the jobs; their runs are not looked up. */
  listOnly: boolean;
}

export interface SweepResult {
  jobs: JobListing[];
  /** The jobs that were ended, or would be, because their run has ended. */
  ended: JobListing[];
  /** The jobs that should have been ended and could not be, and why; the next sweep tries again. */
  failed?: { job: JobListing; reason: string }[];
  /** How many job directories can't be read: their jobs are in no list. The worker's log names them. */
  damaged?: number;
}
