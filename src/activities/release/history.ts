import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { LoadedDataConverter, Payload } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';
import type { RecordedMessage } from '../../domain/approval.js';
import { WORKFLOW_QUEUE } from '../../domain/ids.js';
import { APPROVE, DECIDE, REJECT } from '../../domain/names.js';
import { PayloadError } from '../../engines/payload-crypto/payload-error.js';
import { failure } from '../../temporal-failure.js';
import { decodePayload, payloadConverter } from '../../temporal-payloads.js';

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

/** What the server alone tells of a run. */
export interface RecordedRun {
  /** The argument of the oldest execution that was read. Continue-as-new hands on what a run was started with. */
  start: unknown;
  messages: RecordedMessage[];
}

/** Executions of one run that are followed back; each holds thousands of events, so a longer chain is no release run. */
const MAX_CHAIN = 100;

/**
 * The decisions that people sent to a run since a time and its start, as the server recorded them: through the executions of its
 * chain, from the asking one back to the one that ran at that time. Each must have run on our own queue, or a workflow
 * of somebody else's could continue as ours. Older executions hold nothing that is asked for, and a long run outlives
 * their retention.
 */
export async function readRecord(client: Client, workflowId: string, executionRunId: string, since: string): Promise<RecordedRun> {
  // Oldest execution first: the order in which people decided counts.
  const execution: RecordedMessage[][] = [];
  const converter = { ...client.options.loadedDataConverter, payloadConverter };
  let runId: string | undefined = executionRunId;
  for (let i = 0; i < MAX_CHAIN; i++) {
    const { events }: temporal.api.history.v1.IHistory = await fetchHistory(client, workflowId, runId);
    const started: temporal.api.history.v1.IWorkflowExecutionStartedEventAttributes | undefined = events?.[0]?.workflowExecutionStartedEventAttributes ?? undefined;
    if (started === undefined) throw gone(runId);
    if (started.taskQueue?.name !== WORKFLOW_QUEUE) throw failure('approval_unproved', `not published: execution ${runId} ran on the task queue ${started.taskQueue?.name ?? 'unknown'}, which is not ours`);
    execution.unshift(await seenIn(converter, events ?? []));
    const before: string | null | undefined = started.continuedExecutionRunId;
    const first = before === undefined || before === null || before === '';
    const input = started.input?.payloads?.[0];
    if (first || timeOf(events?.[0] ?? {}) < since) return { start: input == null ? undefined : await decodePayload(converter, input), messages: execution.flat() };
    runId = before;
  }
  throw failure('approval_unproved', `not published: the run has more than ${MAX_CHAIN} executions`);
}

const gone = (runId: string): Error => failure('approval_unproved', `not published: the history of execution ${runId} is gone, so nobody can check its approvals; send the run back to approve`);

async function fetchHistory(client: Client, workflowId: string, runId: string): Promise<temporal.api.history.v1.IHistory> {
  try {
    return await client.workflow.getHandle(workflowId, runId).fetchHistory();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw gone(runId);
    throw error;
  }
}

type UpdateInput = temporal.api.update.v1.IInput;

/**
 * The messages of one execution with the workflow time at which it saw them. A signal is seen by the next workflow task
 * that completes; an accepted update is written down by the task that saw it. The times of the events themselves would
 * not do: a signal may be recorded just before the task that opens its gate and sees it.
 */
async function seenIn(converter: LoadedDataConverter, events: readonly HistoryEvent[]): Promise<RecordedMessage[]> {
  const messages: RecordedMessage[] = [];
  const admitted = new Map<string, UpdateInput>();
  const startedAt = new Map<string, string>();
  let waiting: Omit<RecordedMessage, 'at'>[] = [];
  let now = '';
  for (const event of events) {
    if (event.workflowTaskStartedEventAttributes != null) startedAt.set(String(event.eventId), timeOf(event));
    const completed = event.workflowTaskCompletedEventAttributes;
    if (completed != null) {
      now = startedAt.get(String(completed.startedEventId)) ?? now;
      messages.push(...waiting.map((message) => ({ ...message, at: now })));
      waiting = [];
    }
    const signal = event.workflowExecutionSignaledEventAttributes;
    if (signal != null && (signal.signalName === APPROVE || signal.signalName === REJECT)) waiting.push({ name: signal.signalName, route: 'signal', payload: await messageIn(converter, signal.input?.payloads?.[0]) });
    // A reset applies updates again: their request then stands in an event of its own, and not where they are accepted.
    const request = event.workflowExecutionUpdateAdmittedEventAttributes?.request;
    if (request?.input != null) admitted.set(request.meta?.updateId ?? '', request.input);
    const accepted = event.workflowExecutionUpdateAcceptedEventAttributes;
    const update = accepted == null ? undefined : (accepted.acceptedRequest?.input ?? admitted.get(accepted.protocolInstanceId ?? ''));
    if (update?.name === DECIDE) messages.push({ name: DECIDE, route: 'update', payload: await messageIn(converter, update.args?.payloads?.[0]), at: now });
  }
  return messages;
}

/** As `Date` in the workflow gives it: whole milliseconds, rounded down. */
function timeOf(event: HistoryEvent): string {
  return new Date(Number(event.eventTime?.seconds ?? 0) * 1000 + Math.floor((event.eventTime?.nanos ?? 0) / 1e6)).toISOString();
}

/** As the run itself decodes it: what can't be decoded is a value that is no decision, never an exception. */
async function messageIn(converter: LoadedDataConverter, payload: Payload | null | undefined): Promise<unknown> {
  if (payload == null) return undefined;
  try {
    return await decodePayload(converter, payload);
  } catch (error) {
    if (!(error instanceof PayloadError)) throw error;
    return payloadConverter.fromPayload(payload);
  }
}
