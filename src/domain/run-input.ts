import type { ArtifactRef } from './artifact.js';
import type { RunState, StageIdentity } from './run-state.js';
import type { RunSpecInput } from './spec.js';

/** What a run takes over from an earlier one: by digest, never by trust. Approvals are not among it. */
export interface TakenOver {
  run: string;
  runUid: string;
  from: string;
  stages: Record<string, { outputs: Record<string, ArtifactRef>; figures: Record<string, number | string>; identity: StageIdentity }>;
}

/** The one argument of a pipeline workflow. New fields are optional: open runs carry the old ones. */
export interface RunInput {
  v: 1;
  runUid: string;
  /** As the client parsed it; the workflow parses it again, since anyone can start a workflow. */
  spec: RunSpecInput;
  requestedBy: string;
  /** The packed code and inputs, put into the store when the run was started. */
  code?: ArtifactRef;
  inputs?: Record<string, ArtifactRef>;
  resume?: TakenOver;
  /** Only continue-as-new may set it; a start that brings it is refused. */
  carried?: RunState;
  rehearsal?: Rehearsal;
}

/** Faults that a test asks for. They change when things happen, never what the outcome is. */
export interface Rehearsal {
  /** Continue as new once at every point where the workflow waits, after it has waited for so long. */
  continueAsNewAfterMs?: number;
  /** The wait at which it was done last. */
  lastWait?: string;
}
