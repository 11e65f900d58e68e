import type { Connection } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../domain/views.js';
import { grpcStatus } from './connect.js';
import { ClientError, EXIT_UNREACHABLE, EXIT_USAGE, messageOf } from './errors.js';

export type SearchAttributeName = keyof typeof SEARCH_ATTRIBUTES;
type SearchAttributeType = (typeof SEARCH_ATTRIBUTES)[SearchAttributeName];

/** `temporal.api.enums.v1.IndexedValueType`: the numbers on the wire. */
const INDEXED_VALUE_TYPE = { Keyword: 2, Datetime: 6 } as const satisfies Record<SearchAttributeType, number>;

/** The frontend learns of a new attribute from a cache; a run that starts before is refused. */
const USABLE_TIMEOUT_MS = 30_000;
const USABLE_POLL_MS = 250;

const GRPC = { invalidArgument: 3, alreadyExists: 6, permissionDenied: 7, unimplemented: 12, unauthenticated: 16 } as const;

/**
 * Adds the search attributes that the namespace lacks and waits until the server accepts them in a query.
 * Returns the names that it added.
 * @throws ClientError `search_attributes_denied` when these credentials may not add them, `search_attribute_type` when
 * one exists with another type, `search_attributes_late` when the server does not take them up within 30 s.
 */
export async function ensureSearchAttributes(connection: Connection, namespace: string): Promise<SearchAttributeName[]> {
  const missing = await missingSearchAttributes(connection, namespace);
  if (missing.length === 0) return [];
  try {
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map((name) => [name, INDEXED_VALUE_TYPE[SEARCH_ATTRIBUTES[name]]])),
    });
  } catch (error) {
    // Another ferry may have added them in between.
    if (grpcStatus(error) !== GRPC.alreadyExists) throw permissionError(error, namespace, missing);
  }
  await waitUntilUsable(connection, namespace, missing);
  return missing;
}

/** The seven attributes that the namespace lacks; throws as `ensureSearchAttributes` does. */
export async function missingSearchAttributes(connection: Connection, namespace: string): Promise<SearchAttributeName[]> {
  let known: Record<string, number | null | undefined>;
  try {
    const answer = await connection.operatorService.listSearchAttributes({ namespace });
    known = { ...answer.customAttributes };
  } catch (error) {
    throw permissionError(error, namespace, attributeNames());
  }
  for (const name of attributeNames()) {
    const type = known[name];
    const wanted = SEARCH_ATTRIBUTES[name];
    if (type === undefined || type === null || type === INDEXED_VALUE_TYPE[wanted]) continue;
    throw new ClientError({
      code: 'search_attribute_type',
      message: `The namespace ${namespace} has the search attribute ${name} with another type than ${wanted}`,
      hint: `Remove it with: temporal operator search-attribute remove --namespace ${namespace} --name ${name}, then: ${createCommand(namespace, [name])}`,
      exitCode: EXIT_USAGE,
    });
  }
  return attributeNames().filter((name) => known[name] === undefined || known[name] === null);
}

/** The command that an admin types to add the attributes by hand. */
export function createCommand(namespace: string, names: readonly SearchAttributeName[]): string {
  return `temporal operator search-attribute create --namespace ${namespace} ${names.map((name) => `--name ${name} --type ${SEARCH_ATTRIBUTES[name]}`).join(' ')}`;
}

function attributeNames(): SearchAttributeName[] {
  return Object.keys(SEARCH_ATTRIBUTES) as SearchAttributeName[];
}

function permissionError(error: unknown, namespace: string, names: readonly SearchAttributeName[]): ClientError {
  const status = grpcStatus(error);
  const denied = status === GRPC.permissionDenied || status === GRPC.unauthenticated || status === GRPC.unimplemented;
  return new ClientError({
    code: denied ? 'search_attributes_denied' : 'search_attributes_failed',
    message: `The search attributes of the namespace ${namespace} cannot be ${denied ? 'managed with these credentials' : 'set up'}: ${messageOf(error)}`,
    hint: `${denied ? 'Let an admin run' : 'Try again, or run'}: ${createCommand(namespace, names)}`,
    exitCode: EXIT_UNREACHABLE,
    cause: error,
  });
}

async function waitUntilUsable(connection: Connection, namespace: string, names: readonly SearchAttributeName[]): Promise<void> {
  const query = names.map((name) => `${name} IS NULL`).join(' AND ');
  const deadline = Date.now() + USABLE_TIMEOUT_MS;
  for (;;) {
    try {
      await connection.workflowService.countWorkflowExecutions({ namespace, query });
      return;
    } catch (error) {
      if (grpcStatus(error) !== GRPC.invalidArgument) throw permissionError(error, namespace, names);
      if (Date.now() > deadline) {
        throw new ClientError({
          code: 'search_attributes_late',
          message: `The server has not taken up the new search attributes of ${namespace} within ${USABLE_TIMEOUT_MS / 1000} s`,
          hint: 'Wait a minute, then run the same command again.',
          exitCode: EXIT_UNREACHABLE,
          cause: error,
        });
      }
    }
    await new Promise((done) => setTimeout(done, USABLE_POLL_MS));
  }
}
