import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { JobIdentity, JobListing } from '../../domain/job.js';
import type { SweepResult } from '../../domain/sweep.js';
import { beating } from '../guards.js';
import type { Executor } from './executors/executor.js';

export interface SweepActivities {
  /** Lists the jobs of this worker's executors, and ends those that are alive although their run has ended. */
  sweepExecutors(request: { dryRun: boolean; listOnly: boolean }): Promise<SweepResult>;
}

/** Newest jobs of a listing that fits into a payload. */
const MAX_LISTED = 500;

export function createSweepActivities(deps: { executors: ReadonlyMap<string, Executor>; client: Client }): SweepActivities {
  return {
    sweepExecutors: ({ dryRun, listOnly }) =>
      beating(async () => {
        const jobs: JobListing[] = [];
        const ended: JobListing[] = [];
        for (const executor of deps.executors.values()) {
          const found = await executor.list();
          jobs.push(...found);
          if (listOnly) continue;
          for (const job of found.filter((j) => j.state !== 'exited' && j.state !== 'lost')) {
            if (await isNeeded(deps.client, job)) continue;
            ended.push(job);
            if (dryRun) continue;
            const handle = job.handle ?? (await executor.forestall(identityIn(job), { reason: 'orphaned' }));
            if (handle !== undefined) await executor.cancel(handle, { reason: 'orphaned' });
          }
        }
        const newest = jobs.sort((a, b) => b.submittedAt.localeCompare(a.submittedAt)).slice(0, MAX_LISTED);
        return { jobs: newest, ended };
      }),
  };
}

const identityIn = ({ key, run, runUid, stage, round, attempt }: JobListing): JobIdentity => ({ key, run, runUid, stage, round, attempt });

/**
 * Whether the job's own run is still open. A run of the same id with another uid is another run. When the server can't
 * say, this throws: nothing is ended on a guess.
 */
async function isNeeded(client: Client, job: JobListing): Promise<boolean> {
  try {
    const run = await client.workflow.getHandle(job.run).describe();
    return run.status.name === 'RUNNING' && run.memo?.['runUid'] === job.runUid;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
