import { grpcStatus } from './connect.js';
import { ClientError, EXIT_UNREACHABLE, EXIT_USAGE, messageOf } from './errors.js';

const GRPC = { cancelled: 1, invalidArgument: 3, deadlineExceeded: 4, notFound: 5, permissionDenied: 7, resourceExhausted: 8, unavailable: 14, unauthenticated: 16 } as const;

/** Whether the server, rather than this client or the request, is why a call came to nothing. */
export const isDeadline = (error: unknown): boolean => grpcStatus(error) === GRPC.deadlineExceeded || grpcStatus(error) === GRPC.cancelled;
export const isInvalidArgument = (error: unknown): boolean => grpcStatus(error) === GRPC.invalidArgument;
export const isNotFound = (error: unknown): boolean => grpcStatus(error) === GRPC.notFound;

/**
 * Calls the server and turns its refusals into errors that say what to do. `doing` completes "The server …": such as
 * "did not start the run".
 * @throws ClientError for what the server answers; anything else passes as it is.
 */
export async function calling<T>(doing: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw toClientError(doing, error);
  }
}

/** A refusal of the server as a ClientError; anything else as it is. */
export function toClientError(doing: string, error: unknown): unknown {
  const status = error instanceof ClientError ? undefined : grpcStatus(error);
  if (status === undefined) return error;
  const text = detailOf(error);
  const make = (code: string, hint: string, exitCode: number): ClientError => new ClientError({ code, message: `The server ${doing}: ${text}`, hint, exitCode, cause: error });
  switch (status) {
    case GRPC.unavailable:
    case GRPC.deadlineExceeded:
    case GRPC.resourceExhausted:
      return make('unreachable', 'Nothing is known to be done; the same command is safe to repeat. Look at it with: ferry doctor', EXIT_UNREACHABLE);
    case GRPC.permissionDenied:
    case GRPC.unauthenticated:
      return make('unauthorized', 'Check TEMPORAL_API_KEY, the client certificate or the profile, then run: ferry doctor', EXIT_UNREACHABLE);
    case GRPC.notFound:
      return make('not_found', 'Check --namespace, then run: ferry doctor', EXIT_USAGE);
    case GRPC.invalidArgument:
      return /search attribute/i.test(text)
        ? make('search_attributes_missing', 'This namespace lacks the search attributes of ferry; ferry doctor tells the command that adds them', EXIT_USAGE)
        : make('refused', 'Look at the server and its limits with: ferry doctor', EXIT_USAGE);
    default:
      return make('server_error', 'Try again; if it stays, look at the server with: ferry doctor', EXIT_UNREACHABLE);
  }
}

/** What the server said: the SDK wraps it in an error whose own message says only which call it was. */
function detailOf(error: unknown): string {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (inner instanceof Error && 'details' in inner && typeof inner.details === 'string' && inner.details !== '') return inner.details.split('\n')[0] ?? '';
  return messageOf(inner);
}
