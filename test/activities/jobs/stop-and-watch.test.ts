import { MockActivityEnvironment } from '@temporalio/testing';
import { ActivityFailure, ApplicationFailure, RetryState, TimeoutFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { createJobActivities } from '../../../src/activities/jobs/index.js';
import { parseDuration } from '../../../src/domain/duration.js';
import { CANCEL_JOB } from '../../../src/workflows/activity-options.js';
import { whyNotEnded } from '../../../src/workflows/end-jobs.js';
import { requestFor } from '../../contract/job-kit.js';
import { identityOf, listingOf } from './fake-executor.js';

const { submitJob, watchJob, cancelJob } = createJobActivities({ executors: new Map(), secrets: {}, env: {}, pollIntervalMs: 10 });
const run = <T>(work: () => Promise<T>): Promise<T> => new MockActivityEnvironment({ heartbeatTimeoutMs: 15_000 }).run(work);

describe('a worker whose site lacks the executor of a job', () => {
  it('refuses to submit for good', async () => {
    await expect(run(() => submitJob(requestFor('')))).rejects.toMatchObject({ type: 'unknown_executor', nonRetryable: true });
  });

  it('lets the watch of a running job be tried again', async () => {
    const { handle } = listingOf('train');
    if (handle === undefined) throw new TypeError('a listing without a handle');
    await expect(run(() => watchJob({ handle }))).rejects.toMatchObject({ type: 'executor_unavailable', nonRetryable: false });
  });

  it('lets the stop of a running job be tried again', async () => {
    await expect(run(() => cancelJob({ identity: identityOf('train'), executor: 'gone', reason: 'cancelled' }))).rejects.toMatchObject({ type: 'executor_unavailable', nonRetryable: false });
  });
});

describe('the stop of a job by a run that ends', () => {
  it('has an end, so that a process that hangs in the kernel does not keep the run open', () => {
    const { startToCloseTimeout, scheduleToCloseTimeout } = CANCEL_JOB;
    expect(parseDuration(scheduleToCloseTimeout)).toBeGreaterThan(parseDuration(startToCloseTimeout) ?? Infinity);
  });
});

describe('what a run says of a job that it could not stop', () => {
  const said = (cause: Error): string => whyNotEnded(new ActivityFailure('activity failed', 'cancelJob', '1', RetryState.TIMEOUT, undefined, cause));

  it('is that its host did not answer only when no worker took the task', () => {
    expect(said(new TimeoutFailure('timed out', undefined, 'SCHEDULE_TO_START'))).toContain('its host did not answer');
  });

  it('is the cause in every other case', () => {
    const stuck = ApplicationFailure.create({ type: 'executor_unavailable', message: 'the job has a process that outlives SIGKILL' });
    expect(said(stuck)).toContain('outlives SIGKILL');
    const late = new TimeoutFailure('timed out', undefined, 'SCHEDULE_TO_CLOSE');
    expect(said(late)).toBe('it could not be stopped: it took too long; the sweep tries again');
    expect(said(Object.assign(new TimeoutFailure('timed out', undefined, 'SCHEDULE_TO_CLOSE'), { cause: stuck }))).toContain('outlives SIGKILL');
  });
});
