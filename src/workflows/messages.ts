import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Decision } from '../domain/decision.js';
import type { DecisionAnswer } from '../domain/gate.js';
import { APPROVE, DECIDE, REJECT, STATE } from '../domain/names.js';
import type { RunState } from '../domain/run-state.js';

/** A person's decision on a gate; answered at once with whether it counts. */
export const decideUpdate = defineUpdate<DecisionAnswer, [Decision]>(DECIDE);

/** The same decision without an answer: for the Temporal UI and `temporal workflow signal`. */
export const approveSignal = defineSignal<[unknown?]>(APPROVE);
/** As `approveSignal`, the other way. */
export const rejectSignal = defineSignal<[unknown?]>(REJECT);

/** The whole state of a run. */
export const stateQuery = defineQuery<RunState>(STATE);
