import { ApplicationFailure } from '@temporalio/common';
import type { FailureKind, StopCode } from './domain/failure.js';
import { STOPS } from './domain/failure.js';

/**
 * The one way to throw on purpose, in workflows and in activities: `type` is a member of a closed union, so that the
 * other side compares a word and never a class. The message says what failed and what to do next.
 */
export function failure(type: StopCode | FailureKind, message: string, details: unknown[] = []): ApplicationFailure {
  const retryable = type in STOPS && STOPS[type as StopCode].retryable;
  return ApplicationFailure.create({ type, message, details, nonRetryable: !retryable });
}
