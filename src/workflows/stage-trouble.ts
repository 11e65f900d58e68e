import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';
import { FAILURES, STOPS, type FailureKind, type FailureView, type StopCode } from '../domain/failure.js';
import { oneLine } from '../domain/text.js';

/** Thrown by a stage's body when no automatic choice is left. Never leaves the workflow: it opens the gate `repair`. */
export class StageTrouble extends Error {
  constructor(readonly failure: FailureView) {
    super(failure.message);
  }
}

/** What a failed activity means for its stage; undefined when the error is not an activity's (a bug, a cancellation). */
export function troubleOf(error: unknown): FailureView | undefined {
  if (error instanceof StageTrouble) return error.failure;
  if (!(error instanceof ActivityFailure)) return undefined;
  const { cause } = error;
  if (cause instanceof ApplicationFailure) {
    const kind = kindOf(cause.type);
    return { kind, message: oneLine(cause.message, 400), owner: kind in FAILURES ? FAILURES[kind as FailureKind].owner : 'requester', nextAction: 'ask_human' };
  }
  if (cause instanceof TimeoutFailure) return { kind: 'unknown', message: `the activity ${error.activityType} did not answer in time`, owner: 'platform', nextAction: 'ask_human' };
  return undefined;
}

const kindOf = (type: string | undefined | null): FailureKind | StopCode => (type != null && (type in FAILURES || type in STOPS) ? (type as FailureKind | StopCode) : 'unknown');
