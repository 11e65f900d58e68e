import { QueryNotRegisteredError, WorkflowFailedError, WorkflowNotFoundError, type Client, type WorkflowExecutionDescription } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { FAILURES, STOPS, type FailureKind, type FailureView, type StopCode } from '../domain/failure.js';
import { WatchHeartbeat } from '../domain/job.js';
import { upgradeState, type RunState } from '../domain/run-state.js';
import { statusOf, type RunStatusView } from '../domain/status.js';
import { oneLine } from '../domain/text.js';
import { STATE } from '../domain/names.js';
import { decodePayload } from '../temporal-payloads.js';
import { grpcStatus } from './connect.js';
import { lookUp, startInputOf, uiLink } from './run-record.js';
import { calling, isDeadline, isInvalidArgument, toClientError } from './server-error.js';
import { visibilityView } from './visibility-view.js';

/** `ferry status` answers within 3 s in all: this leaves as long again for starting, connecting and the fallback on a busy machine. */
const QUERY_TIMEOUT_MS = 1500;

const GRPC_FAILED_PRECONDITION = 9;

/** Which run to look at, and how long to wait for its worker. */
export interface DescribeInput {
  client: Client;
  run: string;
  /** How long a worker may take to answer before the run is told from visibility. Default 1.5 s. */
  timeoutMs?: number;
  /** The base of links into the Web UI. */
  ui?: string | null;
}

export interface RunReading {
  view: RunStatusView;
  /** The run's own state; undefined when only visibility tells of it. */
  state?: RunState;
  description: WorkflowExecutionDescription;
}

/**
 * The status of a run: from its state where a worker or its end tells it, otherwise from visibility.
 * @throws ClientError `run_unknown` (exit 2), `unreachable` (exit 4).
 */
export async function describeRun(input: DescribeInput): Promise<RunStatusView> {
  return (await readRun(input)).view;
}

/** As `describeRun`, with what it was made of. */
export async function readRun({ client, run, timeoutMs = QUERY_TIMEOUT_MS, ui }: DescribeInput): Promise<RunReading> {
  const description = await lookUp(client, run);
  const link = uiLink(ui, client.options.namespace, run);
  const heartbeats = await heartbeatsOf(client, description);
  const end = await endOf(client, description);
  const state = end.state ?? (await queryState(client, run, timeoutMs));
  if (state !== undefined) {
    const terminated = description.status.name === 'TERMINATED' || description.status.name === 'TIMED_OUT';
    return { state, description, view: statusOf(state, { heartbeats, terminated, ui: link, endedAt: description.closeTime?.toISOString() }) };
  }
  const [start, taskFailure] = await Promise.all([startInputOf(client, run, description.runId), taskFailureOf(client, description)]);
  return { description, view: visibilityView({ run, description, heartbeats, start, failure: end.failure ?? null, taskFailure, ui: link }) };
}

/**
 * Asks the run's worker for its state; undefined when none answers in time. A query waits half a minute by itself, and
 * unlike an update it leaves nothing behind when it is given up.
 */
export async function queryState(client: Client, run: string, timeoutMs: number): Promise<RunState | undefined> {
  try {
    return upgradeState(await client.connection.withDeadline(Date.now() + timeoutMs, () => client.workflow.getHandle(run).query(STATE)));
  } catch (error) {
    // No worker in time, none seen lately, a worker that does not know this workflow or fails on it.
    const unanswered = isDeadline(error) || grpcStatus(error) === GRPC_FAILED_PRECONDITION || isInvalidArgument(error) || error instanceof QueryNotRegisteredError;
    // Deleted (by retention or by hand) between two calls: the caller's description of it still stands.
    if (unanswered || error instanceof WorkflowNotFoundError) return undefined;
    throw toClientError('did not answer for the run', error);
  }
}

/** The newest events of a history in which a failed task is looked for: it is the last but those of the next try. */
const NEWEST_EVENTS = 5;

/** Why no worker gets on with a run: with what its newest workflow task failed. The server records a row of failures once. */
async function taskFailureOf(client: Client, { raw, workflowId, runId }: WorkflowExecutionDescription): Promise<string | undefined> {
  if ((raw.pendingWorkflowTask?.attempt ?? 0) < 2) return undefined;
  const { history } = await calling('did not give the end of the history', () =>
    client.connection.withDeadline(Date.now() + QUERY_TIMEOUT_MS, () =>
      client.workflowService.getWorkflowExecutionHistoryReverse({ namespace: client.options.namespace, execution: { workflowId, runId }, maximumPageSize: NEWEST_EVENTS }),
    ),
  );
  const failed = (history?.events ?? []).find((event) => event.workflowTaskFailedEventAttributes != null || event.workflowTaskCompletedEventAttributes != null);
  const message = failed?.workflowTaskFailedEventAttributes?.failure?.message;
  return message == null || message === '' ? undefined : oneLine(message, 400);
}

/** What a closed run left: its state with its result or its failure, so that it needs no worker. */
async function endOf(client: Client, description: WorkflowExecutionDescription): Promise<{ state?: RunState; failure?: FailureView }> {
  const { name } = description.status;
  if (name !== 'COMPLETED' && name !== 'FAILED') return {};
  try {
    const result: unknown = await calling('did not give the result of the run', () =>
      client.connection.withDeadline(Date.now() + QUERY_TIMEOUT_MS, () => client.workflow.getHandle(description.workflowId, description.runId, { followRuns: false }).result()),
    );
    return { state: stateIn(typeof result === 'object' && result !== null && 'state' in result ? result.state : undefined) };
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    if (!(error.cause instanceof ApplicationFailure)) return {};
    return { state: stateIn(error.cause.details?.[0]), failure: failureFrom(error.cause) };
  }
}

/** A user's own pipeline may return anything: only what is a state is taken for one. */
const stateIn = (value: unknown): RunState | undefined => (typeof value === 'object' && value !== null && 'v' in value && 'stages' in value && 'runUid' in value ? upgradeState(value) : undefined);

/** For a run that was refused before it had a state. */
function failureFrom({ type, message }: ApplicationFailure): FailureView {
  const known = type != null && (type in STOPS || type in FAILURES);
  return { kind: known ? (type as StopCode | FailureKind) : 'unknown', message: oneLine(message, 400), owner: 'requester', nextAction: 'stop' };
}

/** After this long without a heartbeat nobody looks at the job; a live watch heartbeats every few seconds. */
const STALE_MS = 30_000;

/** The newest heartbeats of the watches that are under way, as far as they are ours; an old one says what was, not what is. */
export async function heartbeatsOf({ options }: Pick<Client, 'options'>, description: WorkflowExecutionDescription): Promise<WatchHeartbeat[]> {
  const payloads = (description.raw.pendingActivities ?? []).flatMap((activity) => activity.heartbeatDetails?.payloads?.[0] ?? []);
  const details = await Promise.all(payloads.map((payload) => decodePayload(options.loadedDataConverter, payload)));
  return details.flatMap((detail) => {
    const beat = WatchHeartbeat.safeParse(detail);
    if (!beat.success) return [];
    const isStale = Date.now() - Date.parse(beat.data.at) > STALE_MS;
    return [isStale ? { ...beat.data, observation: 'unknown' as const, unknownSince: beat.data.unknownSince ?? beat.data.at } : beat.data];
  });
}
