import type { Client } from '@temporalio/client';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';
import type { RecordedMessage } from '../../domain/approval.js';
import { WORKFLOW_QUEUE } from '../../domain/ids.js';
import { failure } from '../../temporal-failure.js';

/** Executions of one run that are followed back; each holds thousands of events, so a longer chain is no release run. */
const MAX_CHAIN = 100;

/**
 * The decisions that people sent to a run, as the server recorded them: through every execution of its chain, from the
 * asking one back to the first. The chain must begin with a start that carried no state and run on our own queue, or a
 * workflow of somebody else's could continue as ours with approvals that it made up.
 */
export async function readMessages(client: Client, workflowId: string, executionRunId: string): Promise<RecordedMessage[]> {
  const messages: RecordedMessage[] = [];
  let runId: string | undefined = executionRunId;
  for (let i = 0; i < MAX_CHAIN; i++) {
    const { events }: temporal.api.history.v1.IHistory = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    const started: temporal.api.history.v1.IWorkflowExecutionStartedEventAttributes | undefined = events?.[0]?.workflowExecutionStartedEventAttributes ?? undefined;
    if (started === undefined) throw failure('approval_unproved', `not published: the history of execution ${runId} is gone, so nobody can check its approvals; send the run back to approve`);
    if (started.taskQueue?.name !== WORKFLOW_QUEUE) throw failure('approval_unproved', `not published: execution ${runId} ran on the task queue ${started.taskQueue?.name ?? 'unknown'}, which is not ours`);
    for (const event of events ?? []) {
      const message = messageOf(event);
      if (message !== undefined) messages.push(message);
    }
    const before: string | null | undefined = started.continuedExecutionRunId;
    if (before === undefined || before === null || before === '') return messages;
    runId = before;
  }
  throw failure('approval_unproved', `not published: the run has more than ${MAX_CHAIN} executions`);
}

function messageOf(event: temporal.api.history.v1.IHistoryEvent): RecordedMessage | undefined {
  const at = timeOf(event);
  const signal = event.workflowExecutionSignaledEventAttributes;
  if (signal != null) return { name: signal.signalName ?? '', route: 'signal', payload: decode(signal.input?.payloads?.[0]), at };
  const update = event.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest?.input;
  if (update != null) return { name: update.name ?? '', route: 'update', payload: decode(update.args?.payloads?.[0]), at };
  return undefined;
}

/** Whole seconds and nanoseconds, rounded up to the millisecond in which the workflow may have seen the event. */
function timeOf(event: temporal.api.history.v1.IHistoryEvent): string {
  const seconds = Number(event.eventTime?.seconds ?? 0);
  return new Date(seconds * 1000 + Math.ceil((event.eventTime?.nanos ?? 0) / 1e6)).toISOString();
}

const decode = (payload: Payload | null | undefined): unknown => (payload == null ? undefined : defaultPayloadConverter.fromPayload(payload));
