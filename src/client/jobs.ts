import { WorkflowFailedError, type Client } from '@temporalio/client';
import { randomUUID } from 'node:crypto';
import { WORKFLOW_QUEUE } from '../domain/ids.js';
import type { JobView } from '../domain/status.js';
import type { SweepRequest, SweepResult } from '../domain/sweep.js';
import { SWEEP_JOBS } from '../domain/names.js';
import { describeRun } from './describe.js';
import { ClientError, EXIT_UNREACHABLE, messageOf } from './errors.js';
import { calling } from './server-error.js';

/** A worker takes a task within milliseconds when there is one. */
const WORKER_TIMEOUT_MS = 10_000;
const POLL_MS = 200;

/** A sweep waits out each job's grace; it must still end when an executor hangs. */
const SWEEP_TIMEOUT = '2 hours';

/** The jobs of one run, from its state. @throws as `describeRun`. */
export async function jobsOfRun({ client, run }: { client: Client; run: string }): Promise<JobView[]> {
  return (await describeRun({ client, run })).jobs;
}

/**
 * Lets a worker look at the jobs of its executors: lists them, and unless `listOnly` or `dryRun` ends those whose run has
 * ended.
 * @throws ClientError `no_worker` (exit 4, nothing was done), `sweep_failed` (exit 4).
 */
export async function sweep({ client, dryRun, listOnly, timeoutMs = WORKER_TIMEOUT_MS }: { client: Client; timeoutMs?: number } & Pick<SweepRequest, 'dryRun' | 'listOnly'>): Promise<SweepResult> {
  const request: SweepRequest = { dryRun, listOnly };
  const handle = await calling('did not start the sweep', () =>
    client.workflow.start(SWEEP_JOBS, { workflowId: `ferry-sweep.by-hand.${randomUUID()}`, taskQueue: WORKFLOW_QUEUE, args: [request], workflowExecutionTimeout: SWEEP_TIMEOUT }),
  );
  const result = handle.result().then(
    (value: SweepResult) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!(await takenUp(handle, result, Date.now() + timeoutMs))) {
    await calling('did not withdraw the sweep', () => handle.terminate('no worker took it'));
    throw new ClientError({ code: 'no_worker', message: 'No worker looked at the jobs; nothing was done', hint: 'Start a worker with: ferry worker, then repeat the command', exitCode: EXIT_UNREACHABLE });
  }
  const outcome = await result;
  if ('value' in outcome) return outcome.value;
  const { error } = outcome;
  if (!(error instanceof WorkflowFailedError)) throw error;
  throw new ClientError({ code: 'sweep_failed', message: `The jobs could not be looked at: ${messageOf(error.cause?.cause ?? error.cause ?? error)}`, hint: 'The log of the worker says more; the command is safe to repeat', exitCode: EXIT_UNREACHABLE, cause: error });
}

/** Whether a worker has begun with it before the deadline. */
async function takenUp(handle: { describe(): Promise<{ historyLength: number }> }, result: Promise<unknown>, deadline: number): Promise<boolean> {
  let done = false;
  void result.then(() => (done = true));
  for (;;) {
    // The first two events are the start and the scheduled task; the third is a worker's.
    const { historyLength } = await calling('did not describe the sweep', () => handle.describe());
    if (done || historyLength > 2) return true;
    if (Date.now() > deadline) return false;
    await new Promise((next) => setTimeout(next, POLL_MS));
  }
}
