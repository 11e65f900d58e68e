import type { JobHandle, JobListing } from '../../domain/job.js';
import { askToStop, readJobRecord, jobDirOf } from './job-dir.js';
import { listJobs } from './list.js';
import { hostIdentity } from './process-identity.js';
import { stopJob } from './stop-job.js';
import { killMembers } from './stopper.js';

export interface SuspendResult {
  /** Keys of the jobs that were alive and are gone now, with an exit record that says `suspended`. */
  suspended: string[];
  /** Keys of the jobs of which something is still alive: it hangs in the kernel, or the stop was hurried. */
  remaining: string[];
}

/**
 * Sends every live job of this host to sleep: SIGTERM, each job's own grace, SIGKILL. It returns when they are gone
 * and their last checkpoints are saved. Once `hurry` is aborted it kills them and returns at once; their wrappers
 * write the exit records by themselves.
 */
export async function suspendLocalJobs({ jobsRoot, hurry }: { jobsRoot: string; hurry?: AbortSignal }): Promise<SuspendResult> {
  const jobs = listJobs(jobsRoot);
  for (const job of jobs) if (job.state === 'pending') suspendBeforeStart(jobsRoot, job);

  // A directory may be shared with other hosts: their jobs are none of our business, and we could not see them end.
  const live = jobs.filter((job) => job.state === 'running' || job.state === 'completing').flatMap(({ handle }) => (handle?.hostId === hostIdentity().hostId ? [handle] : []));
  const gone = new Set<string>();
  const stopping = Promise.all(
    live.map(async (handle) => {
      if (await stopJob(handle, { reason: 'suspended', graceMs: readJobRecord(handle.jobDir)?.graceMs ?? 0 })) gone.add(handle.key);
    }),
  );
  await Promise.race([stopping, ...(hurry === undefined ? [] : [killOnceHurried(hurry, live)])]);
  const keys = live.map(({ key }) => key);
  return { suspended: keys.filter((key) => gone.has(key)), remaining: keys.filter((key) => !gone.has(key)) };
}

/** The wrapper of a job that was submitted a moment ago reads this before it starts the program. */
function suspendBeforeStart(jobsRoot: string, job: JobListing): void {
  askToStop(jobDirOf(jobsRoot, job), { reason: 'suspended', at: new Date().toISOString(), graceMs: 0 });
}

async function killOnceHurried(hurry: AbortSignal, live: readonly JobHandle[]): Promise<void> {
  if (!hurry.aborted) await new Promise<void>((resolve) => hurry.addEventListener('abort', () => resolve(), { once: true }));
  await Promise.all(live.map((handle) => killMembers(handle.key, handle)));
}
