import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import type { RunStatusView } from '../domain/status.js';
import { IS_RUN, memoOf, textAttributes, uiLink } from './run-record.js';
import { calling } from './server-error.js';
import { stateFrom } from './visibility-view.js';

/** How long a server may take for one page. */
const LIST_TIMEOUT_MS = 10_000;

/** One run in a list: what visibility knows, so that it needs no worker. */
export interface RunListing {
  run: string;
  runUid: string;
  model: string;
  version: string;
  state: RunStatusView['state'];
  stage: string;
  /** `approval approve: release-manager`; null when nobody is waited for. */
  waitingOn: string | null;
  backend: string | null;
  verdict: string | null;
  targetDate: string | null;
  ui: string | null;
  startedAt: string;
  endedAt: string | null;
}

/** Which runs to list; what is left out matches any. */
export interface ListInput {
  client: Client;
  /** At most so many. Default 50. */
  limit?: number;
  state?: RunStatusView['state'];
  model?: string;
  /** Only runs that wait for somebody; a text: for this role. */
  waiting?: boolean | string;
  ui?: string | null;
}

/** Temporal's words for a state, to let the server leave out what cannot match. */
const STATUS_OF = {
  running: ['Running'],
  waiting: ['Running'],
  completed: ['Completed'],
  failed: ['Failed'],
  rejected: ['Failed'],
  cancelled: ['Canceled'],
  terminated: ['Terminated', 'TimedOut'],
} as const satisfies Record<RunStatusView['state'], readonly string[]>;

/** Runs, newest first. */
export async function listRuns({ client, limit = 50, state, model, waiting, ui }: ListInput): Promise<RunListing[]> {
  const wanted = state === undefined ? undefined : STATUS_OF[state];
  const query = [
    IS_RUN,
    // A run that continued as new is listed once, by its latest execution.
    `ExecutionStatus != 'ContinuedAsNew'`,
    ...(wanted === undefined ? [] : [`(${wanted.map((status) => `ExecutionStatus = '${status}'`).join(' OR ')})`]),
    ...(model === undefined ? [] : [`FerryModel = '${model.replace(/[\\']/g, '\\$&')}'`]),
  ].join(' AND ');
  const found: RunListing[] = [];
  await calling('did not list the runs', () =>
    client.connection.withDeadline(Date.now() + LIST_TIMEOUT_MS, async () => {
      for await (const info of client.workflow.list({ query, pageSize: Math.min(1000, Math.max(limit, 100)) })) {
        const listing = listingOf(info, uiLink(ui, client.options.namespace, info.workflowId));
        if ((state === undefined || listing.state === state) && waitsFor(listing, waiting)) found.push(listing);
        if (found.length >= limit) break;
      }
    }),
  );
  return found.sort((a, b) => (a.startedAt < b.startedAt ? 1 : a.startedAt > b.startedAt ? -1 : 0));
}

function listingOf(info: WorkflowExecutionInfo, ui: string | null): RunListing {
  const attributes = textAttributes(info);
  const memo = memoOf(info);
  const waitingOn = attributes.FerryWaitingOn || null;
  const state = stateFrom(info.status.name, attributes.FerryStage, waitingOn !== null);
  return {
    run: info.workflowId,
    runUid: memo.runUid ?? '',
    model: attributes.FerryModel ?? '',
    version: attributes.FerryVersion ?? '',
    state,
    stage: attributes.FerryStage ?? '',
    waitingOn: state === 'waiting' ? waitingOn : null,
    backend: attributes.FerryBackend ?? null,
    verdict: attributes.FerryVerdict ?? null,
    targetDate: targetDateOf(info),
    ui,
    startedAt: memo.startedAt ?? info.startTime.toISOString(),
    endedAt: info.closeTime?.toISOString() ?? null,
  };
}

function targetDateOf(info: WorkflowExecutionInfo): string | null {
  const value = info.typedSearchAttributes.getAll().find(({ key }) => key.name === 'FerryTargetDate')?.value;
  return value instanceof Date ? value.toISOString() : null;
}

function waitsFor({ waitingOn }: RunListing, waiting: boolean | string | undefined): boolean {
  if (waiting === undefined || waiting === false) return true;
  if (waitingOn === null) return false;
  return waiting === true || waitingOn.slice(waitingOn.indexOf(': ') + 2).split(', ').includes(waiting);
}
