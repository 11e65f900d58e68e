import * as z from 'zod';
import { ArtifactRef } from './artifact.js';
import { Digest } from './canonical.js';
import { RunId, RunUid } from './ids.js';
import type { RunState } from './run-state.js';
import { PersonName } from './sections.js';
import type { RunSpecInput } from './spec.js';

const Refs = z.record(z.string().min(1).max(100), ArtifactRef);
const Identity = z.object({ spec: Digest, inputs: z.record(z.string(), Digest), code: z.union([Digest, z.literal('none')]) });

/** What a run takes over from an earlier one: by digest, never by trust. Approvals are not among it. */
export const TakenOver = z.object({
  run: RunId,
  runUid: RunUid,
  /** The stage from which on everything is done anew; absent: nothing is by name, only what differs. */
  from: z.string().min(1).max(100).optional(),
  /** Who asked for the earlier run, and for those that it took over from: none of them may approve. */
  requesters: z.array(PersonName).max(20).optional(),
  stages: z.record(z.string().max(100), z.object({ outputs: Refs, figures: z.record(z.string(), z.union([z.number(), z.string()])), identity: Identity })),
});
export type TakenOver = z.infer<typeof TakenOver>;

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

/** The part of a start that anybody may have made up; the spec has its own schema, and a carried state is refused. */
export const StartInput = z.object({
  v: z.literal(1),
  runUid: RunUid,
  requestedBy: PersonName,
  code: ArtifactRef.optional(),
  inputs: Refs.optional(),
  resume: TakenOver.optional(),
});

/** Faults that a test asks for. They change when things happen, never what the outcome is. */
export interface Rehearsal {
  /** Continue as new once at every point where the workflow waits, after it has waited for so long. */
  continueAsNewAfterMs?: number;
  /** The wait at which it was done last. */
  lastWait?: string;
  /** All waits at which it was done. */
  waits?: string[];
}
