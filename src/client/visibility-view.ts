import type { WorkflowExecutionDescription } from '@temporalio/client';
import type { FailureView } from '../domain/failure.js';
import type { GateKind } from '../domain/gate.js';
import { parseJobKey } from '../domain/ids.js';
import type { WatchHeartbeat } from '../domain/job.js';
import { skipReasonOf } from '../domain/plan.js';
import type { RunInput } from '../domain/run-input.js';
import { isBefore } from '../domain/pipeline.js';
import { pipelineOf, runSpecOf } from '../domain/spec.js';
import { handleText, type JobView, type RunStatusView, type StageView, type WaitView } from '../domain/status.js';
import { commandsFor } from '../domain/views.js';
import { memoOf, textAttributes } from './run-record.js';

export interface VisibilityInput {
  run: string;
  description: WorkflowExecutionDescription;
  /** The newest that its watched jobs said of themselves. */
  heartbeats: WatchHeartbeat[];
  /** With what the execution was started. */
  start: RunInput | undefined;
  /** Why it ended, where it ended by a failure. */
  failure: FailureView | null;
  /** With what its newest workflow task failed, where that is recorded and no task went well since. */
  taskFailure?: string | undefined;
  ui: string | null;
}

/** Workflow tasks that failed in a row before it is worth saying without a reason: one or two are a worker that was just restarted. */
const FAILING_TASKS = 3;

/**
 * The status of a run that no worker answers for: from its search attributes, its memo, its start and the newest
 * heartbeats. It says less than the state, and nothing that is not known: what is missing is null or empty.
 */
export function visibilityView({ run, description, heartbeats, start, failure, taskFailure, ui }: VisibilityInput): RunStatusView {
  const attributes = textAttributes(description);
  const memo = memoOf(description);
  const wait = parseWaitingLabel(run, attributes.FerryWaitingOn);
  const state = stateFrom(description.status.name, attributes.FerryStage, wait !== undefined);
  const jobs = heartbeats.map((beat) => jobFrom(beat, attributes.FerryBackend));
  const round = jobs[0]?.round ?? start?.carried?.round ?? 1;
  const startedAt = memo.startedAt ?? description.startTime.toISOString();
  return {
    schema: 'modelferry.status/1',
    run,
    runUid: memo.runUid ?? start?.runUid ?? '',
    model: attributes.FerryModel ?? '',
    version: attributes.FerryVersion ?? '',
    round,
    state,
    source: 'visibility',
    stages: stagesFrom({ state, current: attributes.FerryStage, spec: start?.spec, round, jobs }),
    waitingOn: state === 'waiting' && wait !== undefined ? [wait] : [],
    jobs,
    failure,
    release: null,
    notes: notesOn(description, taskFailure),
    resumedFrom: start?.resume === undefined ? null : { run: start.resume.run, runUid: start.resume.runUid, from: start.resume.from ?? null },
    ui,
    startedAt,
    updatedAt: (description.closeTime ?? description.startTime).toISOString(),
    endedAt: description.closeTime?.toISOString() ?? null,
  };
}

type State = RunStatusView['state'];

/** What a run is, from Temporal's word for it and from what it wrote of itself. */
export function stateFrom(status: string, stage: string | undefined, waiting: boolean): State {
  switch (status) {
    case 'COMPLETED':
      return 'completed';
    case 'FAILED':
      return stage === 'rejected' ? 'rejected' : 'failed';
    case 'CANCELLED':
      return 'cancelled';
    case 'TERMINATED':
    case 'TIMED_OUT':
      return 'terminated';
    default:
      return waiting ? 'waiting' : 'running';
  }
}

const GATE_KINDS: readonly string[] = ['approval', 'repair', 'decision'] satisfies GateKind[];
const isGateKind = (word: string): word is GateKind => GATE_KINDS.includes(word);

/** Reads back what `waitingLabel` wrote: `approval approve: release-manager, safety`. */
export function parseWaitingLabel(run: string, label: string | undefined): WaitView | undefined {
  const match = /^(\S+) (\S+?): (.*)$/.exec(label ?? '');
  const [, kind = '', gate = '', roleList = ''] = match ?? [];
  if (match === null || !isGateKind(kind)) return undefined;
  const roles = roleList.split(', ').filter((role) => role !== '');
  return {
    kind,
    gate,
    question: null,
    roles,
    quorum: {},
    since: null,
    deadline: null,
    choices: [],
    identity: 'asserted',
    evidence: [],
    digests: {},
    commands: commandsFor(run, { id: gate, kind, roles: roles.map((role) => ({ role, quorum: 1 })) }),
  };
}

function stagesFrom({ state, current, spec: raw, round, jobs }: { state: State; current: string | undefined; spec: unknown; round: number; jobs: JobView[] }): StageView[] {
  const pipeline = pipelineOf(raw);
  // Of a pipeline that this machine does not know the stage that it is at is all that can be told.
  if (pipeline === undefined) return current === undefined || !/^[a-z][A-Za-z0-9-]*$/.test(current) || current === 'finishing' || current === state ? [] : [viewOf(current, current)];
  const spec = runSpecOf(pipeline).safeParse(raw).data;
  const names = Object.keys(pipeline.stages);
  const at = names.find((name) => name === current);
  return names.map((name) => viewOf(name, at));

  function viewOf(name: string, at: string | undefined): StageView {
    const skipReason = pipeline === undefined || spec === undefined ? undefined : skipReasonOf(pipeline, spec, name);
    const here = name === at;
    const passed = state === 'completed' || current === 'finishing' || (pipeline !== undefined && at !== undefined && isBefore(pipeline, name, at));
    return {
      name,
      state: here ? (state === 'waiting' ? 'waiting' : state === 'running' ? 'running' : 'failed') : skipReason !== undefined ? 'skipped' : passed ? 'done' : 'pending',
      round,
      attempts: Math.max(0, ...jobs.filter((job) => job.stage === name).map((job) => job.attempt)),
      startedAt: null,
      endedAt: null,
      reason: here && state === 'terminated' ? 'the run was terminated here' : (skipReason ?? null),
      outputs: {},
      figures: {},
    };
  }
}

function jobFrom(beat: WatchHeartbeat, backend: string | undefined): JobView {
  const { handle } = beat;
  const { stage, round, attempt, server = null } = parseJobKey(handle.key) ?? { stage: '', round: 1, attempt: 1, server: undefined };
  const simulated = backend?.endsWith(' (simulated)') === true;
  return {
    key: handle.key,
    stage,
    round,
    attempt,
    server,
    backend: backend?.replace(/ \(simulated\)$/, '') ?? '',
    simulated,
    executor: handle.executor,
    handle: handleText(handle),
    state: 'running',
    observation: beat.observation,
    unknownSince: beat.unknownSince ?? null,
    pid: handle.pid,
    host: handle.host,
    starts: beat.starts,
    logPath: handle.logPath,
    progress: beat.progress ?? null,
    exitCode: null,
    reason: null,
  };
}

function notesOn(description: WorkflowExecutionDescription, why: string | undefined): RunStatusView['notes'] {
  const failed = description.raw.pendingWorkflowTask?.attempt ?? 0;
  if (why === undefined && failed < FAILING_TASKS) return [];
  const times = failed < FAILING_TASKS ? 'fails' : `has failed ${failed} times in a row`;
  return [{ at: new Date().toISOString(), stage: '', text: `its workflow task ${times}: ${why ?? 'the log of the worker says why'}; a worker with mended code goes on with it` }];
}
