import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowNotFoundError, isGrpcServiceError, type Client } from '@temporalio/client';
import { workflowTaskUnderWay } from './executions.js';

/** How long a workflow task may be under way before its run is moved all the same: one that fails is under way for ever. */
const TASK_WITHIN_MS = 2000;
const LOOK_EVERY_MS = 20;

/** gRPC's number for it. */
const NOT_FOUND = 5;

/** A size that no history has. */
const NO_HISTORY = -1;

/** Resolves when the worker is done with what the run has for it now. */
export async function workerIsDone(client: Client, run: string): Promise<void> {
  if ((await openRunId(client, run)) === undefined) return;
  const untilMs = performance.now() + TASK_WITHIN_MS;
  const taskUnderWay = async (): Promise<boolean> => {
    const { events } = await client.workflow.getHandle(run).fetchHistory();
    return workflowTaskUnderWay(events ?? []);
  };
  while ((await taskUnderWay()) && performance.now() < untilMs) await delay(LOOK_EVERY_MS);
}

/**
 * Has the server offer the next task of a run to any worker, and no longer to the one that has the run in memory. The test
 * server has no ResetStickyTaskQueue and no time-out for a worker that is gone. But it forgets who had a run when a task
 * of it is completed under a token that is not the task's (seen on 1.40.0: TestWorkflowMutableStateImpl,
 * completeWorkflowTaskUpdate), which changes nothing else and leaves no event.
 */
export async function forgetWorker(client: Client, run: string): Promise<void> {
  const runId = await openRunId(client, run);
  if (runId === undefined) return;
  const { namespace } = client.options;
  try {
    await client.workflowService.respondWorkflowTaskCompleted({ namespace, taskToken: tokenOf([namespace, run, runId], NO_HISTORY), identity: 'rehearsal' });
  } catch (error) {
    if (!isGrpcServiceError(error) || Number(error.code) !== NOT_FOUND) throw error;
  }
}

/** Undefined for a run that has ended, or whose start was refused. */
async function openRunId(client: Client, run: string): Promise<string | undefined> {
  try {
    const { runId, status } = await client.workflow.getHandle(run).describe();
    return status.name === 'RUNNING' ? runId : undefined;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** The test server's token of a workflow task: texts as Java's `writeUTF` has them, and a number. */
function tokenOf(texts: readonly string[], historySize: number): Uint8Array {
  const parts = texts.map((text) => Buffer.from(text, 'utf8')).flatMap((bytes) => [uint16(bytes.length), bytes]);
  const size = Buffer.alloc(4);
  size.writeInt32BE(historySize);
  return Buffer.concat([...parts, size]);
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
