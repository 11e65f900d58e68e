import { WorkflowNotFoundError, type Client, type WorkflowExecutionDescription, type WorkflowExecutionInfo } from '@temporalio/client';
import type { RunInput } from '../domain/run-input.js';
import { nearest } from '../domain/problems.js';
import { decodePayload } from '../temporal-payloads.js';
import { ClientError, EXIT_USAGE } from './errors.js';
import type { SearchAttributeName } from './search-attributes.js';
import { calling, isInvalidArgument } from './server-error.js';

/** A server that is up answers in milliseconds; a person waits at the prompt. */
const LOOK_UP_TIMEOUT_MS = 2000;

/** So many recent ids are compared with one that does not exist. */
const IDS_FOR_SUGGESTION = 200;

/** Every execution that is a run of a pipeline, whatever the pipeline. */
export const IS_RUN = 'FerryModel IS NOT NULL';

/** What `ferry start` leaves beside a run: told without its worker, and it stays through continue-as-new. */
export interface RunMemo {
  runUid: string;
  specDigest: string;
  /** When the first execution was started, in ISO 8601 UTC. */
  startedAt: string;
  /** Set when the run takes over from another. */
  resumedFrom?: { run: string; from?: string };
}

export const memoOf = (info: Pick<WorkflowExecutionInfo, 'memo'>): Partial<RunMemo> => info.memo ?? {};

/** The search attributes of a run that are texts. */
export function textAttributes(info: Pick<WorkflowExecutionInfo, 'typedSearchAttributes'>): Partial<Record<SearchAttributeName, string>> {
  const pairs = info.typedSearchAttributes.getAll().flatMap(({ key, value }) => (typeof value === 'string' ? [[key.name, value]] : []));
  return Object.fromEntries(pairs) as Partial<Record<SearchAttributeName, string>>;
}

/**
 * What the server knows of a run without asking its worker.
 * @throws ClientError `run_unknown` with the nearest id.
 */
export async function lookUp(client: Client, run: string): Promise<WorkflowExecutionDescription> {
  try {
    return await calling('did not describe the run', () => client.connection.withDeadline(Date.now() + LOOK_UP_TIMEOUT_MS, () => client.workflow.getHandle(run).describe()));
  } catch (error) {
    // An id that is too long is as unknown as one that nobody uses.
    if (error instanceof WorkflowNotFoundError || isInvalidArgument(error)) throw await unknownRun(client, run);
    throw error;
  }
}

/** Its hint names the nearest id, where one is near. */
export async function unknownRun(client: Client, run: string): Promise<ClientError> {
  // A server without our search attributes can't be asked for runs, and memos may be encrypted with a key that is gone;
  // that there is none of this id stands all the same.
  const ids = await recentIds(client).catch((error: unknown) => (error instanceof ClientError || isPayloadError(error) ? [] : Promise.reject(error)));
  const meant = nearest(run, ids);
  return new ClientError({
    code: 'run_unknown',
    message: `There is no run ${JSON.stringify(run.slice(0, 200))} in the namespace ${client.options.namespace}`,
    hint: meant === undefined ? 'See what there is with: ferry list' : `Did you mean ${meant}? Try: ferry status ${meant}`,
    exitCode: EXIT_USAGE,
  });
}

/** By name: the class belongs to an engine. */
const isPayloadError = (error: unknown): boolean => error instanceof Error && error.name === 'PayloadError';

async function recentIds(client: Client): Promise<string[]> {
  const ids = new Set<string>();
  await calling('did not list the runs', () =>
    client.connection.withDeadline(Date.now() + LOOK_UP_TIMEOUT_MS, async () => {
      for await (const info of client.workflow.list({ query: IS_RUN, pageSize: IDS_FOR_SUGGESTION })) {
        ids.add(info.workflowId);
        if (ids.size >= IDS_FOR_SUGGESTION) break;
      }
    }),
  );
  return [...ids];
}

/** With what an execution was started: its spec, and after continue-as-new the state that it carried over. */
export async function startInputOf(client: Client, run: string, runId: string): Promise<RunInput | undefined> {
  const { history } = await calling('did not give the history of the run', () =>
    client.connection.withDeadline(Date.now() + LOOK_UP_TIMEOUT_MS, () =>
      client.workflowService.getWorkflowExecutionHistory({ namespace: client.options.namespace, execution: { workflowId: run, runId }, maximumPageSize: 1 }),
    ),
  );
  const payload = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0];
  const input: unknown = payload === undefined || payload === null ? undefined : await decodePayload(client.options.loadedDataConverter, payload);
  return isRunInput(input) ? input : undefined;
}

const isRunInput = (input: unknown): input is RunInput => typeof input === 'object' && input !== null && 'v' in input && input.v === 1 && 'spec' in input && 'runUid' in input;

/** The page of a run in the Temporal UI; null where no UI is known. */
export function uiLink(ui: string | null | undefined, namespace: string, run: string): string | null {
  return ui ? `${ui.replace(/\/+$/, '')}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(run)}` : null;
}
