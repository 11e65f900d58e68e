import type { Gate } from '../../../src/domain/gate.js';
import { reduce, type RunEvent } from '../../../src/domain/run-events.js';
import { initialState, type RunState } from '../../../src/domain/run-state.js';
import { STAGE_NAMES } from '../../../src/domain/stage.js';
import { statusOf, type RunStatusView } from '../../../src/domain/status.js';

type Untimed<T> = T extends unknown ? Omit<T, 'at'> : never;

export const RUN_UID = '11111111-2222-4333-8444-555555555555';
const START = Date.parse('2026-01-01T00:00:00.000Z');
const digest = (c: string): string => `sha256:${c.repeat(64)}`;

/** ISO time so many seconds after the start of the hand-made run. */
export const at = (seconds: number): string => new Date(START + seconds * 1000).toISOString();

/** A run's state by the events that it met, each with its second. */
export function stateBy(...events: [number, Untimed<RunEvent>][]): RunState {
  const start = initialState({ run: 'tiny-v1', runUid: RUN_UID, model: 'tiny', version: 'v1', specDigest: digest('a'), requestedBy: 'eve', startedAt: at(0), order: [...STAGE_NAMES] });
  return events.reduce((state, [second, event]) => reduce(state, { ...event, at: at(second) } as RunEvent), start);
}

export const handle = (key: string): NonNullable<RunState['jobs'][number]['handle']> => ({
  key,
  executor: 'local',
  kind: 'local',
  jobDir: '/jobs/x',
  logPath: '/jobs/x/log',
  host: 'node-7',
  hostId: 'abc',
  bootId: 'boot',
  pid: 4711,
  pidStartedAt: '1',
});

export const APPROVAL: Gate = {
  id: 'approve',
  kind: 'approval',
  stage: 'approve',
  round: 1,
  opening: 1,
  question: 'Release tiny v1?',
  choices: [
    { id: 'approve', label: 'release' },
    { id: 'reject', label: 'reject' },
  ],
  roles: [
    { role: 'release-manager', quorum: 2, members: ['ada', 'bob'] },
    { role: 'safety', quorum: 1, members: ['cy'] },
  ],
  excluded: ['eve'],
  identity: 'asserted',
  openedAt: at(100),
  deadline: at(700_000),
  onExpiry: 'reject',
  digests: { model: digest('b'), evidence: digest('c'), policy: digest('d') },
  evidence: [`model: ${digest('b')}`, 'quality 0.81, the rival 0.78'],
  stages: ['train', 'convert'],
  counted: [{ approver: 'ada', role: 'release-manager', verdict: 'approve', reason: 'fine', route: 'update', at: at(120) }],
};

const KEY = `${RUN_UID}.train.r1.a2`;

/** In training: its second attempt, on another backend, under way. */
export const TRAINING: RunState = stateBy(
  [0, { type: 'stage_started', stage: 'preflight' }],
  [1, { type: 'stage_done', stage: 'preflight', outputs: {}, figures: {} }],
  [1, { type: 'stage_skipped', stage: 'prepareData', reason: 'the spec leaves it out' }],
  [1, { type: 'stage_skipped', stage: 'label', reason: 'the spec leaves it out' }],
  [2, { type: 'stage_started', stage: 'train' }],
  [2, { type: 'job_placed', stage: 'train', key: `${RUN_UID}.train.r1.a1`, attempt: 1, backend: 'ascend', simulated: true, executor: 'local', queue: 'q' }],
  [
    20,
    {
      type: 'job_ended',
      key: `${RUN_UID}.train.r1.a1`,
      state: 'failed',
      ladder: { index: 1, failures: 0, again: 0, bestStep: null },
      reason: 'the job exited with code 1: HCCL timeout',
      failure: { kind: 'unknown', message: 'the job exited with code 1: HCCL timeout', rootLine: 'HCCL timeout', lineNumber: 12, owner: 'requester', nextAction: 'retry_same_place' },
    },
  ],
  [20, { type: 'fell_back', stage: 'train', from: 'ascend', to: 'nvidia', reason: 'HCCL timeout' }],
  [21, { type: 'job_placed', stage: 'train', key: KEY, attempt: 2, backend: 'nvidia', simulated: true, executor: 'local', queue: 'q' }],
  [22, { type: 'job_submitted', key: KEY, handle: handle(KEY) }],
);

export const viewOf = (state: RunState, live: Partial<Parameters<typeof statusOf>[1]> = {}): RunStatusView => statusOf(state, { heartbeats: [], terminated: false, ui: 'http://127.0.0.1:8233/namespaces/default/workflows/tiny-v1', ...live });

export const TRAINING_VIEW: RunStatusView = viewOf(TRAINING, {
  heartbeats: [{ handle: handle(KEY), observation: 'ok', starts: 1, at: at(62), progress: { step: 520, total: 1000, stepsPerSecond: 12.345, metrics: { loss: 2.31456, 'grad\u001b[31m norm': 0.5 }, at: at(62) } }],
});

/** At the approval gate, with one of three people counted. */
export const WAITING: RunState = stateBy([0, { type: 'stage_started', stage: 'approve' }], [100, { type: 'gate_opened', gate: APPROVAL }]);
