import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { ExecutorError } from '../../../src/activities/jobs/executors/executor.js';
import { createSweepActivities } from '../../../src/activities/jobs/sweep.js';
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

let executor: FakeExecutor;
const sweep = (dryRun = false, executors = [executor]): Promise<SweepResult> => {
  const { sweepExecutors } = createSweepActivities({ executors: new Map(executors.map((one, i) => [`fake-${i}`, one])), client: forgetful });
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

  it('tells how many job directories are damaged, each once', async () => {
    executor.damaged = ['/jobs/a', '/jobs/b'];
    const other = new FakeExecutor();
    other.damaged = ['/jobs/b'];
    expect((await sweep(false, [executor, other])).damaged).toBe(2);
  });
});
