import type { ArtifactRef } from './artifact.js';
import type { FailureView } from './failure.js';
import { quorumOf, type Quorum } from './gate.js';
import type { JobHandle, JobProgress, WatchHeartbeat } from './job.js';
import { isLive, openGates, type JobRecord, type RunState, type StageStatus } from './run-state.js';
import { commandsFor } from './views.js';

/** `ferry status RUN --json`, `modelferry.status/1`: pinned by docs/contract.md. */
export interface RunStatusView {
  schema: 'modelferry.status/1';
  run: string;
  runUid: string;
  model: string;
  version: string;
  round: number;
  state: 'running' | 'waiting' | 'completed' | 'failed' | 'rejected' | 'cancelled' | 'terminated';
  source: 'query' | 'visibility';
  stages: StageView[];
  waitingOn: WaitView[];
  jobs: JobView[];
  failure: FailureView | null;
  release: { ref: string; digest: string } | null;
  notes: { at: string; stage: string; text: string }[];
  /** `from` is the stage from which on everything is done anew; null where whatever is unchanged is taken over. */
  resumedFrom: { run: string; runUid: string; from: string | null } | null;
  ui: string | null;
  startedAt: string;
  updatedAt: string;
  endedAt: string | null;
}

/** A stage as a status shows it. Times are ISO 8601 UTC. */
export interface StageView {
  name: string;
  state: StageStatus;
  round: number;
  attempts: number;
  startedAt: string | null;
  endedAt: string | null;
  reason: string | null;
  outputs: Record<string, Pick<ArtifactRef, 'kind' | 'uri' | 'digest' | 'bytes'>>;
  figures: Record<string, number | string>;
}

/** A gate that waits for people, as a status shows it. Times are ISO 8601 UTC. */
export interface WaitView {
  kind: 'approval' | 'decision' | 'repair' | 'labels' | 'capacity';
  gate: string;
  question: string | null;
  roles: string[];
  quorum: Quorum;
  since: string | null;
  deadline: string | null;
  choices: string[];
  /** How far the names of those who decide can be trusted. */
  identity: 'asserted' | null;
  evidence: string[];
  digests: { model?: string; evidence?: string; policy?: string };
  commands: { ferry: string; temporal: string };
}

/** A job, or a server beside one, as a status shows it. Times are ISO 8601 UTC. */
export interface JobView {
  key: string;
  stage: string;
  round: number;
  attempt: number;
  /** Which server of the attempt it is; null for the stage's own job. */
  server: string | null;
  backend: string;
  simulated: boolean;
  executor: string;
  handle: string | null;
  state: string;
  observation: 'ok' | 'unknown';
  unknownSince: string | null;
  pid: number | null;
  host: string | null;
  starts: number;
  logPath: string | null;
  progress: JobProgress | null;
  exitCode: number | null;
  reason: string | null;
}

/** What Temporal knows of a run beside its own state. */
export interface LiveView {
  heartbeats: WatchHeartbeat[];
  terminated: boolean;
  ui: string | null;
  endedAt?: string;
}

/** The status of a run from its state and the newest heartbeats of its watched jobs. */
export function statusOf(state: RunState, live: LiveView): RunStatusView {
  const waits = state.status === 'running' && !live.terminated ? openGates(state) : [];
  return {
    schema: 'modelferry.status/1',
    run: state.run,
    runUid: state.runUid,
    model: state.model,
    version: state.version,
    round: state.round,
    state: live.terminated ? 'terminated' : state.status === 'running' && waits.length > 0 ? 'waiting' : state.status,
    source: 'query',
    stages: state.order.flatMap((name) => {
      const stage = state.stages[name];
      return stage === undefined
        ? []
        : [
            {
              name,
              state: stage.state,
              round: stage.round,
              attempts: stage.attempts,
              startedAt: stage.startedAt ?? null,
              endedAt: stage.endedAt ?? null,
              reason: stage.reason ?? null,
              outputs: stage.outputs,
              figures: stage.figures,
            },
          ];
    }),
    waitingOn: waits.map((gate) => ({
      kind: gate.kind,
      gate: gate.id,
      question: gate.question,
      roles: gate.roles.map((r) => r.role),
      quorum: quorumOf(gate),
      since: gate.openedAt,
      deadline: gate.deadline,
      choices: gate.choices.map((c) => c.id),
      identity: gate.identity,
      evidence: gate.evidence,
      digests: gate.digests,
      commands: commandsFor(state.run, gate),
    })),
    jobs: state.jobs.map((job) => jobView(job, live)),
    failure: state.failure ?? null,
    release: state.release ?? null,
    notes: state.notes,
    resumedFrom: state.resumedFrom === undefined ? null : { ...state.resumedFrom, from: state.resumedFrom.from ?? null },
    ui: live.ui,
    startedAt: state.startedAt,
    updatedAt: state.updatedAt,
    endedAt: state.endedAt ?? live.endedAt ?? null,
  };
}

/** A handle as people may compare it: two jobs never have the same. */
export const handleText = (handle: JobHandle): string => `${handle.kind}:${handle.hostId}:${handle.bootId}:${handle.pid}`;

function jobView(job: JobRecord, live: LiveView): JobView {
  const beat = isLive(job) ? live.heartbeats.find((h) => h.handle.key === job.key) : undefined;
  const handle = job.handle ?? beat?.handle;
  return {
    key: job.key,
    stage: job.stage,
    round: job.round,
    attempt: job.attempt,
    server: job.server ?? null,
    backend: job.backend,
    simulated: job.simulated,
    executor: job.executor,
    handle: handle === undefined ? null : handleText(handle),
    state: job.state,
    observation: beat?.observation ?? 'ok',
    unknownSince: beat?.unknownSince ?? null,
    pid: handle?.pid ?? null,
    host: handle?.host ?? null,
    starts: beat?.starts ?? job.starts ?? 0,
    logPath: handle?.logPath ?? null,
    progress: beat?.progress ?? job.progress ?? null,
    exitCode: job.exitCode ?? null,
    reason: job.reason ?? null,
  };
}
