import type { ArtifactRef } from './artifact.js';
import { closedGate, fewFigures, shortFailure, shortGate, shortOutcome, shortProgress, withinBounds, withoutSets } from './bounds.js';
import { FRESH_LADDER, type LadderState } from './attempts.js';
import type { Decision, DecisionRoute } from './decision.js';
import type { FailureView, StopCode } from './failure.js';
import type { DecisionAnswer, Gate } from './gate.js';
import type { Backend, JobHandle, JobOutcome } from './job.js';
import { itemStage } from './pipeline.js';
import { KEEP, isLive, isOpen, jobOf, pendingStage, placeOf, stageOf, type JobRecord, type JobRecordState, type RunState, type RunStatus, type StageIdentity, type StageState } from './run-state.js';
import type { ServerName } from './stage.js';
import { oneLine } from './text.js';

/** Everything that can happen to a run. `at` is workflow time, in ISO 8601 UTC. */
export type RunEvent = { at: string } & (
  | { type: 'stage_started'; stage: string; identity?: StageIdentity }
  | { type: 'stage_skipped'; stage: string; reason: string }
  | { type: 'stage_expanded'; stage: string; items: string[] }
  | { type: 'stage_reused'; stage: string; outputs: Record<string, ArtifactRef>; figures: Record<string, number | string>; identity: StageIdentity; reason: string }
  | { type: 'stage_done'; stage: string; outputs: Record<string, ArtifactRef>; figures: Record<string, number | string>; identity?: StageIdentity; reason?: string }
  | { type: 'stage_failed'; stage: string; failure: FailureView }
  | { type: 'job_placed'; stage: string; key: string; attempt: number; backend: Backend; simulated: boolean; executor: string; queue: string }
  | { type: 'server_placed'; stage: string; key: string; server: ServerName; attempt: number; backend: Backend; simulated: boolean; executor: string; queue: string }
  | { type: 'job_submitted'; key: string; handle: JobHandle }
  | { type: 'server_ready'; key: string; url: string }
  | { type: 'job_exited'; key: string; outcome: JobOutcome }
  | { type: 'server_ended'; key: string; state: JobRecordState; outcome?: JobOutcome; reason?: string }
  | { type: 'job_ended'; key: string; state: JobRecordState; outcome?: JobOutcome; ladder: LadderState; reason?: string; failure?: FailureView }
  | { type: 'fell_back'; stage: string; from: Backend; to: Backend; reason: string }
  | { type: 'gate_opened'; gate: Gate; failure?: FailureView }
  | { type: 'decision_judged'; decision: Decision; route: DecisionRoute; gate: string; answer: DecisionAnswer; next?: Gate }
  | { type: 'gate_expired'; gate: string }
  | { type: 'repaired'; stage: string; by: string; text: string; set?: Record<string, unknown>; input?: { name: string; ref: ArtifactRef } }
  | { type: 'sent_back'; to: string; by: string; reason: string; dropInputs: string[] }
  | { type: 'noted'; stage: string; text: string }
  | { type: 'released'; ref: string; digest: string }
  | { type: 'ended'; status: Exclude<RunStatus, 'running'>; stop?: StopCode; failure?: FailureView }
);

/** The state after an event. Pure; an event about something that the state does not hold is a mistake of ours and throws. */
export const reduce = (before: RunState, event: RunEvent): RunState => withinBounds(after(before, event));

function after(before: RunState, event: RunEvent): RunState {
  const state: RunState = { ...before, updatedAt: event.at };
  const withStage = (name: string, change: Partial<StageState>): RunState => ({
    ...state,
    stages: { ...state.stages, [name]: { ...stageOf(state, name), ...change } },
  });
  switch (event.type) {
    case 'stage_started':
      return withStage(event.stage, { state: 'running', startedAt: event.at, ladder: FRESH_LADDER, ...(event.identity === undefined ? {} : { identity: event.identity }) });
    case 'stage_skipped':
      return withStage(event.stage, { state: 'skipped', reason: oneLine(event.reason, 300) });
    case 'stage_expanded':
      return expandStage(state, event);
    case 'stage_reused':
      return withStage(event.stage, { state: 'done', startedAt: event.at, endedAt: event.at, outputs: event.outputs, figures: fewFigures(event.figures), identity: event.identity, reason: oneLine(event.reason, 300) });
    case 'stage_done':
      return {
        ...withStage(event.stage, {
          state: 'done',
          endedAt: event.at,
          outputs: event.outputs,
          figures: fewFigures(event.figures),
          job: undefined,
          gate: undefined,
          failure: undefined,
          reason: event.reason === undefined ? undefined : oneLine(event.reason, 300),
          ...(event.identity === undefined ? {} : { identity: event.identity }),
        }),
        failure: openFailure(state, event.stage),
      };
    case 'stage_failed':
      return { ...withStage(event.stage, { state: 'failed', endedAt: event.at, reason: oneLine(event.failure.message, 300), job: undefined, gate: undefined, failure: undefined }), failure: shortFailure(event.failure) };
    case 'job_placed':
      return placeJob(withStage(event.stage, { state: 'running', job: event.key, attempts: event.attempt, ladder: withoutRetry(stageOf(state, event.stage).ladder) }), event);
    case 'server_placed':
      return placeJob(state, event);
    case 'job_submitted':
      return withJob(state, event.key, (job) => ({ ...job, state: 'running', handle: event.handle, submittedAt: event.at }));
    case 'server_ready':
      return withJob(state, event.key, (job) => ({ ...job, url: event.url }));
    case 'job_exited':
      return withJob(state, event.key, (job) => ({ ...job, outcome: shortOutcome(event.outcome) }));
    case 'server_ended':
      return withJob(state, event.key, (job) => endedRecord(job, event));
    case 'job_ended':
      return endJob(state, event);
    case 'fell_back':
      return note(state, event.at, event.stage, `${event.from} → ${event.to}: ${event.reason}`);
    case 'gate_opened':
      return {
        // A job that is alive stays the stage's own: whoever answers the gate decides what becomes of it.
        ...withStage(event.gate.stage, { state: 'waiting', gate: event.gate.id, ...(event.failure === undefined ? {} : { failure: shortFailure(event.failure) }) }),
        gates: { ...state.gates, [event.gate.id]: shortGate(event.gate) },
        ...(event.failure === undefined ? {} : { failure: shortFailure(event.failure) }),
      };
    case 'decision_judged':
      return judged(state, event);
    case 'gate_expired': {
      const gate = state.gates[event.gate];
      if (gate === undefined) throw new RangeError(`no gate ${event.gate}`);
      const outcome = { verdict: gate.onExpiry, by: [], at: event.at, reason: `nobody decided before ${gate.deadline}` };
      return note({ ...state, gates: { ...state.gates, [gate.id]: closedGate({ ...gate, outcome }) } }, event.at, gate.stage, `the gate ${gate.id} expired`);
    }
    case 'repaired': {
      const repaired = withStage(event.stage, { state: 'running', gate: undefined, failure: undefined, ladder: repairedLadder(state, event.stage) });
      return note(
        {
          ...repaired,
          failure: openFailure(repaired),
          gates: withoutSets(state.gates),
          overrides: { ...state.overrides, ...event.set },
          inputs: event.input === undefined ? state.inputs : { ...state.inputs, [event.input.name]: event.input.ref },
        },
        event.at,
        event.stage,
        `${event.by}: ${event.text}`,
      );
    }
    case 'sent_back':
      return sendBack(state, event);
    case 'noted':
      return note(state, event.at, event.stage, event.text);
    case 'released':
      return { ...state, release: { ref: event.ref, digest: event.digest } };
    case 'ended':
      return {
        ...state,
        status: event.status,
        endedAt: event.at,
        ...(event.stop === undefined ? {} : { stop: event.stop }),
        ...(event.failure === undefined ? {} : { failure: shortFailure(event.failure) }),
      };
  }
}

/** A stage becomes its items, which stand where it stood. Items that are known go on as they are; those that are named no more are dropped. */
function expandStage(state: RunState, { stage: of, items }: Extract<RunEvent, { type: 'stage_expanded' }>): RunState {
  const isPlace = (name: string): boolean => name === of || state.stages[name]?.of === of;
  const first = state.order.findIndex(isPlace);
  const rest = state.order.filter((name) => !isPlace(name));
  const names = items.map((item) => itemStage(of, item));
  const known = Object.fromEntries(Object.entries(state.stages).filter(([name]) => !isPlace(name) || names.includes(name)));
  const added = Object.fromEntries(names.filter((name) => !Object.hasOwn(known, name)).map((name) => [name, pendingStage(name, state.round, of)]));
  return { ...state, order: [...rest.slice(0, first), ...names, ...rest.slice(first)], stages: { ...known, ...added } };
}

/** What a person is still asked about, where several stages are under way; `but` for one that is done with it. */
const openFailure = (state: RunState, but?: string): FailureView | undefined => state.order.map((name) => state.stages[name]).find((stage) => stage?.failure !== undefined && stage.name !== but)?.failure;

/** Budgets begin anew, and so does the ladder: unless its job is alive, which goes on where it is. */
function repairedLadder(state: RunState, name: string): LadderState {
  const { ladder = FRESH_LADDER, job } = stageOf(state, name);
  const record = jobOf(state, job);
  const isAlive = record !== undefined && isLive(record);
  return { ...FRESH_LADDER, bestStep: ladder.bestStep, index: isAlive ? ladder.index : 0 };
}

const withoutRetry = (ladder: LadderState | undefined): LadderState => ({ ...(ladder ?? FRESH_LADDER), retryAt: undefined });

/** The newest `KEEP` ended jobs and every live one: a job that runs must never fall out of the state. */
function placeJob(state: RunState, event: Extract<RunEvent, { type: 'job_placed' | 'server_placed' }>): RunState {
  const { stage, key, attempt, backend, simulated, executor, queue, at } = event;
  const server = event.type === 'server_placed' ? { server: event.server } : {};
  if (jobOf(state, key) !== undefined) return state;
  const jobs = [...state.jobs, { key, stage, round: stageOf(state, stage).round, attempt, ...server, backend, simulated, executor, queue, state: 'placed' as const, placedAt: at }];
  const surplus = jobs.filter((job) => !isLive(job)).length - KEEP;
  const dropped = new Set(jobs.filter((job) => !isLive(job)).slice(0, Math.max(0, surplus)));
  return { ...state, jobs: jobs.filter((job) => !dropped.has(job)) };
}

function endJob(state: RunState, event: Extract<RunEvent, { type: 'job_ended' }>): RunState {
  const job = jobOf(state, event.key);
  if (job === undefined) throw new RangeError(`no job ${event.key}`);
  const stage = stageOf(state, job.stage);
  return {
    ...withJob(state, event.key, () => endedRecord(job, event)),
    stages: { ...state.stages, [job.stage]: { ...stage, job: undefined, ladder: event.ladder, reason: event.reason === undefined ? stage.reason : oneLine(event.reason, 300) } },
    ...(event.failure === undefined ? {} : { failure: shortFailure(event.failure) }),
  };
}

function withJob(state: RunState, key: string, change: (job: JobRecord) => JobRecord): RunState {
  return { ...state, jobs: state.jobs.map((job) => (job.key === key ? change(job) : job)) };
}

function endedRecord(job: JobRecord, { state, at, outcome, reason }: Extract<RunEvent, { type: 'job_ended' | 'server_ended' }>): JobRecord {
  return {
    ...job,
    outcome: undefined,
    state,
    endedAt: at,
    exitCode: outcome?.exit?.exitCode,
    starts: outcome?.starts,
    progress: outcome?.progress === undefined ? undefined : shortProgress(outcome.progress),
    checkpoint: outcome?.checkpoint,
    reason: reason === undefined ? undefined : oneLine(reason, 300),
  };
}

function judged(state: RunState, event: Extract<RunEvent, { type: 'decision_judged' }>): RunState {
  const { decision, answer } = event;
  const entry = {
    seq: state.decisionCount + 1,
    at: event.at,
    gate: oneLine(event.gate, 100),
    route: event.route,
    verdict: oneLine(decision.verdict, 100),
    approver: oneLine(decision.approver ?? event.next?.counted.at(-1)?.approver ?? '(nobody named)', 100),
    reason: oneLine(decision.reason, 300),
    accepted: answer.accepted,
    code: answer.code,
  };
  return {
    ...state,
    decisions: [...state.decisions, entry].slice(-KEEP),
    decisionCount: entry.seq,
    gates: event.next === undefined ? state.gates : { ...state.gates, [event.next.id]: event.next.outcome === undefined ? event.next : closedGate(event.next) },
  };
}

/** Everything from a stage on is done again in a new round; an approval among it is void. */
function sendBack(state: RunState, event: Extract<RunEvent, { type: 'sent_back' }>): RunState {
  const round = state.round + 1;
  const from = placeOf(state, event.to);
  const stages = { ...state.stages };
  for (const name of state.order.slice(from)) {
    const stage = stageOf(state, name);
    if (stage.state === 'skipped') continue;
    stages[name] = pendingStage(name, round, stage.of);
  }
  const isVoid = Object.values(state.gates).some((gate) => gate.kind === 'approval' && state.order.indexOf(gate.stage) >= from);
  const text = `sent back to ${event.to} by ${event.by}: ${event.reason}${isVoid ? '; earlier approvals are void' : ''}`;
  // An input that a person gave in place of a stage's product would otherwise hide what that stage makes anew.
  const inputs = Object.fromEntries(Object.entries(state.inputs).filter(([name]) => !event.dropInputs.includes(name)));
  // Somebody may be asked about another stage at the same time: what is done again is asked again.
  const gates = Object.fromEntries(
    Object.entries(withoutSets(state.gates)).map(([id, gate]) => [id, isOpen(gate) && state.order.indexOf(gate.stage) >= from ? closedGate({ ...gate, outcome: { verdict: 'void', by: [], at: event.at, reason: `the run was sent back to ${event.to}` } }) : gate]),
  );
  return note({ ...state, round, stages, inputs, gates, failure: openFailure({ ...state, stages }) }, event.at, event.to, text);
}

const note = (state: RunState, at: string, stage: string, text: string): RunState => ({
  ...state,
  notes: [...state.notes, { at, stage, text: oneLine(text, 400) }].slice(-KEEP),
});
