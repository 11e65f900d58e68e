import type { JobListing } from '../../domain/job.js';
import { handleText } from '../../domain/status.js';
import { backendLabel, jobLabel } from '../../domain/views.js';
import { table } from './layout.js';

/** A job in a list, whether it comes from a run's state or from an executor. */
export interface JobRow {
  key: string;
  run: string;
  stage: string;
  round: number;
  attempt: number;
  server?: string | null;
  backend: string;
  simulated: boolean;
  executor: string;
  handle: string | null;
  state: string;
  pid: number | null;
  host: string | null;
  starts: number;
}

/** An executor's job, in the form that a run's has. */
export const listingRow = ({ handle, ...job }: JobListing): JobRow & Omit<JobListing, 'handle'> & { logPath: string | null } => ({
  ...job,
  handle: handle === undefined ? null : handleText(handle),
  pid: handle?.pid ?? null,
  host: handle?.host ?? null,
  logPath: handle?.logPath ?? null,
});

export function jobRows(jobs: readonly JobRow[]): string[] {
  return table([
    ['RUN', 'STAGE', 'ROUND', 'ATTEMPT', 'BACKEND', 'STATE', 'STARTS', 'EXECUTOR', 'HOST', 'PID'],
    ...jobs.map((job) => [job.run, jobLabel(job), String(job.round), String(job.attempt), backendLabel(job), job.state, String(job.starts), job.executor, job.host ?? '', job.pid === null ? '' : String(job.pid)]),
  ]);
}
