import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';
import { FAILURES, STOPS, type FailureKind, type FailureView, type StopCode } from '../domain/failure.js';
import { oneLine } from '../domain/text.js';

/** Thrown by a stage's body when no automatic choice is left. Never leaves the workflow: it opens the gate `repair`. */
export class StageTrouble extends Error {
  constructor(readonly failure: FailureView) {
    super(failure.message);
  }
}

/**
 * What an error means for its stage: an activity that failed, or a failure of a known kind that the stage's own code
 * threw. Undefined for anything else: a stop of the run, a cancellation, a bug.
 */
export function troubleOf(error: unknown): FailureView | undefined {
  if (error instanceof StageTrouble) return error.failure;
  // Thrown on through the workflow it would end the execution at once, with its jobs alive.
  if (error instanceof ApplicationFailure && error.type != null && Object.hasOwn(FAILURES, error.type)) return troubleOfFailure(error);
  if (!(error instanceof ActivityFailure)) return undefined;
  const { cause } = error;
  if (cause instanceof ApplicationFailure) return troubleOfFailure(cause);
  if (cause instanceof TimeoutFailure) return { kind: 'unknown', message: `the activity ${error.activityType} did not answer in time`, owner: 'platform', nextAction: 'ask_human' };
  return undefined;
}

function troubleOfFailure({ type, message }: ApplicationFailure): FailureView {
  const kind = kindOf(type);
  return { kind, message: oneLine(message, 400), owner: kind in FAILURES ? FAILURES[kind as FailureKind].owner : 'requester', nextAction: 'ask_human' };
}

const kindOf = (type: string | undefined | null): FailureKind | StopCode => (type != null && (Object.hasOwn(FAILURES, type) || Object.hasOwn(STOPS, type)) ? (type as FailureKind | StopCode) : 'unknown');
