import type { WorkflowHandle } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { fileURLToPath } from 'node:url';
import { WORKFLOW_QUEUE } from '../../src/domain/ids.js';
import type { RunInput } from '../../src/domain/run-input.js';
import type { Stack } from './stack.js';

/**
 * An attacker with a worker of his own on a queue of his own, whose workflow continues as `releaseModel` on ours and
 * hands over a state that he made up.
 */
export async function smuggle(stack: Stack, input: RunInput): Promise<WorkflowHandle> {
  const connection = await NativeConnection.connect({ address: stack.server.address });
  const worker = await Worker.create({ connection, taskQueue: 'mallory', workflowsPath: fileURLToPath(new URL('./smuggler-workflow.mjs', import.meta.url)) });
  const run = await worker.runUntil(async () => {
    const handle = await stack.client.workflow.start('smuggler', { workflowId: 'smuggled', taskQueue: 'mallory', args: [input, WORKFLOW_QUEUE], memo: { runUid: input.runUid } });
    for (;;) {
      const { taskQueue } = await stack.client.workflow.getHandle('smuggled').describe();
      if (taskQueue === WORKFLOW_QUEUE) return handle;
    }
  });
  await connection.close();
  return stack.client.workflow.getHandle(run.workflowId);
}
