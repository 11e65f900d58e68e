import type { Executor } from '../../../src/activities/jobs/executors/executor.js';
import type { OnDamaged } from '../../../src/engines/jobs/list.js';
import { jobKey } from '../../../src/domain/ids.js';
import type { JobHandle, JobIdentity, JobListing, JobObservation } from '../../../src/domain/job.js';

export const HERE = 'host-here';

export function identityOf(stage: string): JobIdentity {
  const id = { runUid: 'uid-00000001', stage, round: 1, attempt: 1 };
  return { ...id, run: 'a-run', key: jobKey(id) };
}

export function listingOf(stage: string, hostId = HERE): JobListing {
  const identity = identityOf(stage);
  const handle: JobHandle = { key: identity.key, executor: 'fake', kind: 'local', jobDir: `/jobs/${stage}`, logPath: `/jobs/${stage}/log`, host: hostId, hostId, bootId: 'boot', pid: 1, pidStartedAt: '1' };
  return { ...identity, executor: 'fake', backend: 'cpu', simulated: true, handle, state: 'running', starts: 1, submittedAt: `2026-01-01T00:00:00.000Z` };
}

/**
 * Jobs that are data: it starts nothing. Faithful to a local executor in what it lists, in refusing to end a process of
 * another host, and in failing for a process that outlives SIGKILL.
 */
export class FakeExecutor implements Executor {
  readonly kind = 'local';
  readonly supportsPreemptionNotice = false;
  readonly supportsLogStream = true;
  readonly ended: string[] = [];
  jobs: JobListing[] = [];
  damaged: string[] = [];
  log: string[] = [];
  seen: JobObservation = { state: 'running', observation: 'ok', starts: 1 };
  /** What cancelling a job meets, by its stage. */
  cancelling: Record<string, () => Promise<void>> = {};

  async find(identity: JobIdentity): Promise<JobHandle | undefined> {
    return this.jobs.find((job) => job.key === identity.key)?.handle;
  }
  render(): never {
    throw new Error('nothing is started here');
  }
  async submit(): Promise<never> {
    throw new Error('nothing is started here');
  }
  async observe(): Promise<JobObservation> {
    return this.seen;
  }
  async cancel(handle: JobHandle): Promise<void> {
    const job = this.jobs.find(({ key }) => key === handle.key);
    await this.cancelling[job?.stage ?? '']?.();
    this.ended.push(job?.stage ?? '');
  }
  async forestall(): Promise<undefined> {
    return undefined;
  }
  async tail(_handle: JobHandle, lines: number): Promise<{ lines: string[]; lineCount: number }> {
    return { lines: this.log.slice(-lines), lineCount: this.log.length };
  }
  async list(_filter?: unknown, onDamaged?: OnDamaged): Promise<JobListing[]> {
    for (const jobDir of this.damaged) onDamaged?.(jobDir, 'cut short');
    return this.jobs;
  }
  reaches(handle: JobHandle): boolean {
    return handle.hostId === HERE;
  }
}
