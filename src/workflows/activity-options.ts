import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { ActivityOptions, LocalActivityOptions } from '@temporalio/workflow';
import type { FerryActivities } from '../activities/index.js';
import { NON_RETRYABLE_STOPS } from '../domain/failure.js';
import type { Limits } from '../domain/site.js';

/** About six minutes in all: longer than a restart of a store or a disk check, short enough that a person hears of it. */
const RETRY_TRANSIENT = {
  initialInterval: '1 second',
  backoffCoefficient: 2,
  maximumInterval: '1 minute',
  maximumAttempts: 12,
  nonRetryableErrorTypes: [...NON_RETRYABLE_STOPS],
};

/** Reading the site file takes milliseconds; as a local activity it costs one event and no round trip. */
const READ_SITE = { summary: 'Read the site file', startToCloseTimeout: '10 seconds', retry: { maximumAttempts: 5, nonRetryableErrorTypes: ['site_invalid'] } } satisfies LocalActivityOptions;

/** Spawning takes a second; verifying a large checkpoint before a resume may take minutes. */
const SUBMIT_JOB = { startToCloseTimeout: '30 minutes', retry: RETRY_TRANSIENT } satisfies ActivityOptions;

/**
 * Ends by the job's own grace; the time-out is only there for a cancel that hangs on a dead file system. A host that does
 * not take the task in five minutes is gone or down: the sweep ends its jobs when it is back, and the run must not wait.
 * Nor may it wait for ever for a process that hangs in the kernel. Three hours are one try as long as a try may be, and
 * time for another; a job with a longer grace goes on saving without us: its wrapper ends it, or else the sweep.
 */
export const CANCEL_JOB = {
  startToCloseTimeout: '2 hours',
  scheduleToStartTimeout: '5 minutes',
  scheduleToCloseTimeout: '3 hours',
  heartbeatTimeout: '15 seconds',
  // The first tries cost little and mostly suffice; a process that hangs for an hour is not worth thousands of them.
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds' },
} satisfies ActivityOptions;

/** Hashing what is published reads every byte once. */
const HASHING = { startToCloseTimeout: '6 hours', heartbeatTimeout: '30 seconds', retry: RETRY_TRANSIENT } satisfies ActivityOptions;

export const { readSite } = proxyLocalActivities<Pick<FerryActivities, 'readSite'>>(READ_SITE);

export const submitJobOn = (taskQueue: string, limits: Limits, summary: string): Pick<FerryActivities, 'submitJob'> =>
  proxyActivities<Pick<FerryActivities, 'submitJob'>>({ ...SUBMIT_JOB, heartbeatTimeout: limits.heartbeatTimeout, taskQueue, summary });

/**
 * A job runs for weeks; whether its watcher lives is the heartbeat's business, so only that is short. A dead worker is
 * no failure of the job: the watch is taken up again every second, without a limit.
 */
export const watchJobOn = (taskQueue: string, limits: Limits, summary: string): Pick<FerryActivities, 'watchJob'> =>
  proxyActivities<Pick<FerryActivities, 'watchJob'>>(watching(taskQueue, limits, summary));

/** As a watch: the deadline of a server is judged by the activity, which still answers when it has passed. */
export const awaitServerOn = (taskQueue: string, limits: Limits, summary: string): Pick<FerryActivities, 'awaitServer'> =>
  proxyActivities<Pick<FerryActivities, 'awaitServer'>>(watching(taskQueue, limits, summary));

const watching = (taskQueue: string, limits: Limits, summary: string): ActivityOptions => ({
  startToCloseTimeout: limits.jobMaxDuration,
  heartbeatTimeout: limits.heartbeatTimeout,
  retry: { initialInterval: '1 second', backoffCoefficient: 1 },
  taskQueue,
  summary,
});

export const cancelJobOn = (taskQueue: string): Pick<FerryActivities, 'cancelJob'> => proxyActivities<Pick<FerryActivities, 'cancelJob'>>({ ...CANCEL_JOB, taskQueue, summary: 'Stop the job' });

export const { verifyArtifacts } = proxyActivities<Pick<FerryActivities, 'verifyArtifacts'>>({ ...HASHING, summary: 'Verify artifacts in the store' });
export const { publishRelease } = proxyActivities<Pick<FerryActivities, 'publishRelease'>>({ ...HASHING, summary: 'Prove the approvals and publish' });
export const { confirmTakenOver } = proxyActivities<Pick<FerryActivities, 'confirmTakenOver'>>({ ...HASHING, summary: 'Confirm what an earlier run made' });

/** Looks at every job that a queue's executors know; a hung file system must not hold the next sweep back. */
export const sweepExecutorsOn = (taskQueue: string): Pick<FerryActivities, 'sweepExecutors'> =>
  proxyActivities<Pick<FerryActivities, 'sweepExecutors'>>({
    startToCloseTimeout: '30 minutes',
    scheduleToStartTimeout: '30 seconds',
    heartbeatTimeout: '30 seconds',
    retry: { maximumAttempts: 3 },
    taskQueue,
    summary: 'Look for jobs whose run has ended',
  });
