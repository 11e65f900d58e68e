import type { ArtifactRef } from './artifact.js';
import type { LadderState } from './attempts.js';
import type { DecisionCode, Gate } from './gate.js';
import type { DecisionRoute } from './decision.js';
import type { FailureView, StopCode } from './failure.js';
import type { Backend, CheckpointRecord, JobHandle, JobOutcome, JobProgress } from './job.js';
import type { ServerName } from './stage.js';

/** `waiting`: at a gate. */
export type StageStatus = 'pending' | 'running' | 'waiting' | 'done' | 'skipped' | 'failed';

/** What a stage's result depends on, each part by digest: equal identities give equal results, so a resume may reuse it. */
export interface StageIdentity {
  spec: string;
  inputs: Record<string, string>;
  code: string;
}

/** What a run knows of one of its stages. Times are ISO 8601 UTC, of the workflow. */
export interface StageState {
  name: string;
  /** For an item of a fan-out: the stage of the pipeline that it is one of. */
  of?: string;
  state: StageStatus;
  round: number;
  /** Tries of this round. */
  attempts: number;
  startedAt?: string;
  endedAt?: string;
  reason?: string;
  outputs: Record<string, ArtifactRef>;
  figures: Record<string, number | string>;
  identity?: StageIdentity;
  ladder?: LadderState;
  /** The job that is alive, or being placed, for this stage. */
  job?: string;
  /** The gate that this stage waits at, until it has acted on the answer. */
  gate?: string;
  /** Why its repair gate is open. */
  failure?: FailureView;
}

export type JobRecordState = 'placed' | 'running' | 'done' | 'failed' | 'lost' | 'suspended' | 'cancelled';

/** What a run knows of a job: the newest observation and, once it has ended, how. Times are ISO 8601 UTC. */
export interface JobRecord {
  key: string;
  stage: string;
  round: number;
  attempt: number;
  /** Which server of the attempt it is; absent for the stage's own job. */
  server?: ServerName;
  backend: Backend;
  simulated: boolean;
  executor: string;
  /** The task queue that reaches this job's host. */
  queue: string;
  state: JobRecordState;
  handle?: JobHandle;
  placedAt: string;
  /** When it was submitted, where a server's time to get ready counts from. */
  submittedAt?: string;
  /** Where a server is reached, once it is ready. */
  url?: string;
  /** How it ended, from when that is known until the attempt is closed: its servers are ended in between. */
  outcome?: JobOutcome;
  endedAt?: string;
  exitCode?: number | null;
  starts?: number;
  progress?: JobProgress;
  checkpoint?: CheckpointRecord;
  reason?: string;
}

/** A decision as the log keeps it, refused ones too. `seq` counts all of the run's decisions. */
export interface DecisionLogEntry {
  seq: number;
  at: string;
  gate: string;
  route: DecisionRoute;
  verdict: string;
  approver: string;
  reason: string;
  accepted: boolean;
  code: DecisionCode;
}

/** A line of the run's own story: a fall-back, a send-back, a reuse. */
export interface Note {
  at: string;
  stage: string;
  text: string;
}

/** Whether a run goes on, or how it ended. */
export type RunStatus = 'running' | 'completed' | 'failed' | 'rejected' | 'cancelled';

/**
 * The one value that a run is. Queries, UI details, search attributes, status and report are derived from it.
 * It travels through continue-as-new, so it stays under 128 KB: long lists keep their newest `KEEP` entries, and fewer
 * when texts are long (bounds.ts).
 */
export interface RunState {
  v: 1;
  run: string;
  runUid: string;
  model: string;
  version: string;
  specDigest: string;
  requestedBy: string;
  /** Everybody who asked for this release: the spec's author, who started the run, and those of the runs it took over from. */
  requesters: string[];
  status: RunStatus;
  round: number;
  startedAt: string;
  updatedAt: string;
  endedAt?: string;
  order: string[];
  stages: Record<string, StageState>;
  gates: Record<string, Gate>;
  jobs: JobRecord[];
  decisions: DecisionLogEntry[];
  decisionCount: number;
  notes: Note[];
  /** Parameters that people changed at a repair gate, by dotted path into the spec. */
  overrides: Record<string, unknown>;
  /** Inputs that people replaced at a repair gate, or that the run began with. */
  inputs: Record<string, ArtifactRef>;
  failure?: FailureView;
  stop?: StopCode;
  release?: { ref: string; digest: string };
  /** Set when this run takes over from another. */
  resumedFrom?: { run: string; runUid: string; from?: string };
}

export const KEEP = 50;
export const MAX_STATE_BYTES = 128 * 1024;

/** Whether the gate waits for somebody now. */
export const isOpen = (gate: Gate | undefined): gate is Gate => gate !== undefined && gate.outcome === undefined;

export const openGates = (state: RunState): Gate[] => Object.values(state.gates).filter(isOpen);

export const stageOf = (state: RunState, name: string): StageState => {
  const stage = Object.hasOwn(state.stages, name) ? state.stages[name] : undefined;
  if (stage === undefined) throw new RangeError(`the run has no stage ${name}`);
  return stage;
};

export const jobOf = (state: RunState, key: string | undefined): JobRecord | undefined => state.jobs.find((job) => job.key === key);

export const isLive = (job: JobRecord): boolean => job.state === 'placed' || job.state === 'running';

/** What an output of a stage is called in the run: an item of a fan-out adds its own end, `quality-mmlu`. */
export const outputName = ({ name, of }: Pick<StageState, 'name' | 'of'>, output: string): string => (of === undefined ? output : `${output}${name.slice(of.length)}`);

/** What a spec calls a stage: the items of a fan-out share one section. */
export const sectionName = (state: RunState, stage: string): string => stageOf(state, stage).of ?? stage;

/** The artifacts that exist by now, by name: what the run began with, and what its stages made. Later ones win. */
export function artifactsOf(state: RunState): Record<string, ArtifactRef> {
  const all: Record<string, ArtifactRef> = {};
  for (const stage of state.order.map((name) => stageOf(state, name))) {
    if (stage.state !== 'done') continue;
    for (const [output, ref] of Object.entries(stage.outputs)) all[outputName(stage, output)] = ref;
  }
  return { ...all, ...state.inputs };
}

/** The state as this version knows it, from whatever version a run carried over. */
export function upgradeState(carried: unknown): RunState {
  const v = (carried as { v?: unknown } | null)?.v;
  if (v === 1) return carried as RunState;
  throw new RangeError(`a run state of version ${String(v)} is unknown here; a newer worker wrote it`);
}

/** Whether a gate is about what its stage does now, and not about an earlier round that was sent back, or an item that is no more. */
export const isOfThisRound = (state: RunState, gate: Gate): boolean => Object.hasOwn(state.stages, gate.stage) && gate.round === stageOf(state, gate.stage).round;

/**
 * Where a stage stands in the order of the run. A gate names the stages of when it was opened: one that has become its
 * items since stands where the first of them does, and so does an item that is no more.
 */
export function placeOf(state: Pick<RunState, 'order' | 'stages'>, name: string): number {
  const at = state.order.indexOf(name);
  // No key of a stage has a dash.
  const [key] = name.split('-');
  const place = at >= 0 ? at : state.order.findIndex((other) => (state.stages[other]?.of ?? other) === key);
  if (place < 0) throw new RangeError(`the run has no stage ${name}`);
  return place;
}

/** A stage that has not begun. `of`: for an item of a fan-out, its stage. */
export const pendingStage = (name: string, round: number, of?: string): StageState => ({ name, ...(of === undefined ? {} : { of }), state: 'pending', round, attempts: 0, outputs: {}, figures: {} });

/** The state of a run that has done nothing yet. */
export function initialState(start: Pick<RunState, 'run' | 'runUid' | 'model' | 'version' | 'specDigest' | 'requestedBy' | 'startedAt' | 'order' | 'resumedFrom'> & { requesters?: string[] }): RunState {
  return {
    v: 1,
    ...start,
    requesters: start.requesters ?? [start.requestedBy],
    status: 'running',
    round: 1,
    updatedAt: start.startedAt,
    stages: Object.fromEntries(start.order.map((name) => [name, pendingStage(name, 1)])),
    gates: {},
    jobs: [],
    decisions: [],
    decisionCount: 0,
    notes: [],
    overrides: {},
    inputs: {},
  };
}
