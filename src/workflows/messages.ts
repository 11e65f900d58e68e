import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Decision } from '../domain/decision.js';
import type { DecisionAnswer } from '../domain/gate.js';
import type { RunState } from '../domain/run-state.js';

/** Wire names. Open runs and users' scripts depend on them: a test holds them. */

/** A person's decision on a gate; answered at once with whether it counts. */
export const decideUpdate = defineUpdate<DecisionAnswer, [Decision]>('decide');

/** The same decision without an answer: for the Temporal UI and `temporal workflow signal`. */
export const approveSignal = defineSignal<[unknown?]>('approve');
export const rejectSignal = defineSignal<[unknown?]>('reject');

export const stateQuery = defineQuery<RunState>('state');

export { RELEASE_MODEL, SWEEP_JOBS } from '../domain/names.js';
