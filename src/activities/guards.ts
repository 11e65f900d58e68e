import { Context } from '@temporalio/activity';
import { StoreError, type StoreErrorCode } from '../engines/artifacts/store-error.js';
import type { StopCode } from '../domain/failure.js';
import { ExecutorError, type ExecutorErrorCode } from './jobs/executors/executor.js';
import { failure } from '../temporal-failure.js';

/** Node fires an interval that is longer at once, and again every millisecond. */
const MAX_INTERVAL_MS = 2 ** 31 - 1;

/** Runs work that has no progress to tell, and keeps telling Temporal that this worker lives. */
export async function beating<T>(work: () => Promise<T>): Promise<T> {
  const { heartbeat, info } = Context.current();
  // Three within the time-out, so that one that is late or lost does not end the activity.
  const timer = setInterval(() => heartbeat(), Math.min((info.heartbeatTimeoutMs ?? 15_000) / 3, MAX_INTERVAL_MS));
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

const STOP_OF_STORE_ERROR = {
  artifact_missing: 'artifact_missing',
  artifact_corrupt: 'artifact_corrupt',
  path_refused: 'path_refused',
  storage_full: 'storage_unavailable',
  storage_error: 'storage_unavailable',
} as const satisfies Record<StoreErrorCode, StopCode>;

const STOP_OF_EXECUTOR_ERROR = {
  bad_request: 'spec_invalid',
  submit_unknown: 'executor_unavailable',
  stop_failed: 'executor_unavailable',
  wrong_host: 'executor_unavailable',
} as const satisfies Record<ExecutorErrorCode, StopCode>;

/** The same for an executor, whose submit also reads the store. */
export function executorFailure(error: unknown): never {
  if (error instanceof ExecutorError) throw failure(STOP_OF_EXECUTOR_ERROR[error.code], error.message.slice(0, 1000));
  return storeFailure(error);
}

/** Rethrows a store's error as the failure that a workflow understands; anything else as it is. */
export function storeFailure(error: unknown): never {
  if (error instanceof StoreError) throw failure(STOP_OF_STORE_ERROR[error.code], [error.message, ...error.problems].join('; ').slice(0, 1000));
  throw error;
}
