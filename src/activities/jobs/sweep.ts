import { Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { JobIdentity, JobListing } from '../../domain/job.js';
import type { SweepResult } from '../../domain/sweep.js';
import { beating } from '../guards.js';
import type { Executor } from './executors/executor.js';

/** What the schedule of a jobs' queue runs, `ferry jobs list` and `ferry gc` too. */
export interface SweepActivities {
  /** Lists the jobs of this worker's executors, and ends those that are alive although their run has ended. */
  sweepExecutors(request: { dryRun: boolean; listOnly: boolean }): Promise<SweepResult>;
}

/** Newest jobs of a listing that fits into a payload. */
const MAX_LISTED = 500;

/**
 * Jobs that are ended side by side. One that hangs takes its whole grace, and must not hold the others back; each looks
 * through the processes of the host again and again, so that hundreds at once would starve the worker.
 */
const ENDED_AT_ONCE = 8;
const MAX_REASON = 500;

/** The activity over the executors of one task queue; `client` tells which runs have ended. */
export function createSweepActivities(deps: { executors: ReadonlyMap<string, Executor>; client: Client }): SweepActivities {
  return {
    sweepExecutors: ({ dryRun, listOnly }) =>
      beating(async () => {
        const { log } = Context.current();
        const jobs: JobListing[] = [];
        const unneeded: Unneeded[] = [];
        const damaged = new Set<string>();
        for (const executor of deps.executors.values()) {
          const found = await executor.list({}, (jobDir, why) => {
            if (damaged.has(jobDir)) return;
            damaged.add(jobDir);
            log.warn('a job directory can not be read: its job is not looked after', { jobDir, why });
          });
          jobs.push(...found);
          if (listOnly) continue;
          for (const job of found.filter((j) => isOurs(executor, j))) if (isSpent(job, found) || !(await isNeeded(deps.client, job))) unneeded.push({ executor, job });
        }
        const failed: { job: JobListing; reason: string }[] = [];
        if (!dryRun) {
          await sideBySide(unneeded, ENDED_AT_ONCE, async ({ executor, job }) => {
            try {
              await end(executor, job);
            } catch (error) {
              const reason = (error instanceof Error ? error.message : String(error)).slice(0, MAX_REASON);
              log.warn('a job whose run has ended could not be ended', { key: job.key, executor: job.executor, reason });
              failed.push({ job, reason });
            }
          });
        }
        const ended = unneeded.map(({ job }) => job).filter((job) => !failed.some((f) => f.job === job));
        const newest = jobs.sort((x, y) => y.submittedAt.localeCompare(x.submittedAt)).slice(0, MAX_LISTED);
        return { jobs: newest, ended, ...(failed.length > 0 && { failed }), ...(damaged.size > 0 && { damaged: damaged.size }) };
      }),
  };
}

interface Unneeded {
  executor: Executor;
  job: JobListing;
}

/** Alive, or about to be, and within this worker's reach. */
const isOurs = (executor: Executor, { state, handle }: JobListing): boolean => state !== 'exited' && state !== 'lost' && (handle === undefined || executor.reaches(handle));

/** The run ends its servers by itself within seconds of their job; what is there after this was not to be had then. */
const SERVER_LINGERS_MS = 5 * 60_000;

/** Whether a server's own job has ended, or a later attempt has taken over: its run may stay open for weeks, and it serves nobody. */
function isSpent(job: JobListing, all: readonly JobListing[]): boolean {
  if (job.server === undefined) return false;
  const ofStage = all.filter((other) => other.runUid === job.runUid && other.stage === job.stage && other.server === undefined);
  const own = ofStage.find((other) => other.round === job.round && other.attempt === job.attempt);
  const endedLongAgo = own?.endedAt !== undefined && Date.now() - Date.parse(own.endedAt) > SERVER_LINGERS_MS;
  return endedLongAgo || ofStage.some((other) => other.round > job.round || (other.round === job.round && other.attempt > job.attempt));
}

async function end(executor: Executor, job: JobListing): Promise<void> {
  const handle = job.handle ?? (await executor.forestall(identityIn(job), { reason: 'orphaned' }));
  if (handle !== undefined) await executor.cancel(handle, { reason: 'orphaned' });
}

async function sideBySide<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const lane = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane));
}

const identityIn = ({ key, run, runUid, stage, round, attempt, server }: JobListing): JobIdentity => ({ key, run, runUid, stage, round, attempt, ...(server !== undefined && { server }) });

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
