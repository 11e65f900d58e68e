import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { ExecutorError } from '../../../src/activities/jobs/executors/executor.js';
import { createSweepActivities } from '../../../src/activities/jobs/sweep.js';
import type { JobListing } from '../../../src/domain/job.js';
import type { SweepResult } from '../../../src/domain/sweep.js';
import { FakeExecutor, listingOf } from './fake-executor.js';

/** A server that has forgotten every run: whatever is alive is no longer needed. */
const forgetful = {
  workflow: {
    getHandle: (id: string) => ({
      describe: () => Promise.reject(new WorkflowNotFoundError('not found', id, undefined)),
    }),
  },
} as unknown as Client;

/** A server on which every run is open. */
const open = {
  workflow: { getHandle: () => ({ describe: () => Promise.resolve({ status: { name: 'RUNNING' }, memo: { runUid: 'uid-00000001' } }) }) },
} as unknown as Client;

let executor: FakeExecutor;
const sweep = (dryRun = false, executors = [executor], client = forgetful): Promise<SweepResult> => {
  const { sweepExecutors } = createSweepActivities({ executors: new Map(executors.map((one, i) => [`fake-${i}`, one])), client });
  return new MockActivityEnvironment({ heartbeatTimeoutMs: 30_000 }).run(sweepExecutors, { dryRun, listOnly: false });
};
const stages = (jobs: { stage: string }[]): string[] => jobs.map((job) => job.stage);

beforeEach(() => {
  executor = new FakeExecutor();
});

describe('a sweep', () => {
  it('leaves the jobs of another host to that host, and ends its own', async () => {
    executor.jobs = [listingOf('theirs', 'another-host'), listingOf('mine')];
    expect(stages((await sweep(true)).ended)).toEqual(['mine']);
    const { jobs, ended } = await sweep();
    expect(stages(jobs)).toEqual(['theirs', 'mine']);
    expect(stages(ended)).toEqual(['mine']);
    expect(executor.ended).toEqual(['mine']);
  });

  it('goes on past a job that can not be ended, and says which and why', async () => {
    executor.jobs = [listingOf('stuck'), listingOf('next')];
    executor.cancelling['stuck'] = () => Promise.reject(new ExecutorError('stop_failed', 'it outlives SIGKILL'));
    const after = new FakeExecutor();
    after.jobs = [listingOf('after')];
    const { ended, failed } = await sweep(false, [executor, after]);
    expect(stages(ended)).toEqual(['next', 'after']);
    expect(failed).toEqual([{ job: executor.jobs[0], reason: 'it outlives SIGKILL' }]);
    expect([...executor.ended, ...after.ended]).toEqual(['next', 'after']);
  });

  it('does not wait for a slow job before it ends the others', async () => {
    executor.jobs = [listingOf('slow'), listingOf('quick')];
    executor.cancelling['slow'] = () => delay(200);
    await sweep();
    expect(executor.ended).toEqual(['quick', 'slow']);
  });

  it('ends a server of an open run whose own job has ended long ago or was replaced, and no other', async () => {
    const minutesAgo = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();
    const main = (attempt: number, endedAt?: string): JobListing => ({ ...listingOf('validateOnAscend'), attempt, key: `main-${attempt}`, ...(endedAt === undefined ? {} : { state: 'exited', endedAt }) });
    const server = (attempt: number): JobListing => ({ ...listingOf('validateOnAscend'), attempt, key: `server-${attempt}`, server: 'candidate' });
    const endedOf = async (...jobs: JobListing[]): Promise<string[]> => {
      executor.jobs = jobs;
      return (await sweep(true, [executor], open)).ended.map(({ key }) => key);
    };
    expect(await endedOf(server(1)), 'it may still be loading').toEqual([]);
    expect(await endedOf(main(1), server(1))).toEqual([]);
    expect(await endedOf(main(1, minutesAgo(1)), server(1)), 'its run is about to end it').toEqual([]);
    expect(await endedOf(main(1, minutesAgo(6)), server(1))).toEqual(['server-1']);
    expect(await endedOf(main(1, minutesAgo(1)), server(1), main(2), server(2))).toEqual(['server-1']);
  });

  it('tells how many job directories are damaged, each once', async () => {
    executor.damaged = ['/jobs/a', '/jobs/b'];
    const other = new FakeExecutor();
    other.damaged = ['/jobs/b'];
    expect((await sweep(false, [executor, other])).damaged).toBe(2);
  });
});
