import type { Client } from '@temporalio/client';
import { randomUUID } from 'node:crypto';
import type { RunStatusView } from '../domain/status.js';
import { oneLine } from '../domain/text.js';
import { lookUp, memoOf, textAttributes } from './run-record.js';
import { calling, isNotFound } from './server-error.js';
import { stateFrom } from './visibility-view.js';

const CANCEL_TIMEOUT_MS = 10_000;

/** The answer of `ferry cancel`, as the contract pins it. */
export interface CancelAnswer {
  run: string;
  runUid: string;
  /** Whether the run was asked to end by this call; false for one that had ended. */
  requested: boolean;
  state: RunStatusView['state'];
}

/**
 * Asks a run to end: its jobs save and leave, then it closes. The request is durable; without a worker it waits for one.
 * @throws ClientError `run_unknown` (exit 2), `unreachable` (exit 4).
 */
export async function cancelRun({ client, run, reason, identity }: { client: Client; run: string; reason?: string; identity: string }): Promise<CancelAnswer> {
  const description = await lookUp(client, run);
  const { FerryStage, FerryWaitingOn } = textAttributes(description);
  const answer = (requested: boolean, status: string): CancelAnswer => ({ run, runUid: memoOf(description).runUid ?? '', requested, state: stateFrom(status, FerryStage, Boolean(FerryWaitingOn)) });
  if (description.status.name !== 'RUNNING') return answer(false, description.status.name);
  try {
    await calling('did not take the request', () =>
      client.connection.withDeadline(Date.now() + CANCEL_TIMEOUT_MS, () =>
        client.workflowService.requestCancelWorkflowExecution({
          namespace: client.options.namespace,
          workflowExecution: { workflowId: run },
          identity,
          requestId: randomUUID(),
          reason: oneLine(reason ?? '', 500),
        }),
      ),
    );
  } catch (error) {
    if (!isNotFound(error)) throw error;
    // It ended between the two calls.
    return answer(false, (await lookUp(client, run)).status.name);
  }
  return answer(true, 'RUNNING');
}
