import { describe, expect, it } from 'vitest';
import { FRESH_LADDER } from '../../src/domain/attempts.js';
import type { JobHandle, WatchHeartbeat } from '../../src/domain/job.js';
import { reduce, type RunEvent } from '../../src/domain/run-events.js';
import { initialState, type RunState } from '../../src/domain/run-state.js';
import { statusOf, type LiveView } from '../../src/domain/status.js';
import { STAGE_NAMES } from '../../src/domain/stage.js';
import { approvalGate, artifact, at, digest, frozen, repairGate } from './kit.js';

type Untimed<T> = T extends unknown ? Omit<T, 'at'> : never;

const stateAfter = (...events: Untimed<RunEvent>[]): RunState =>
  events.reduce((state, event, i) => reduce(state, { ...event, at: at(i + 1) } as RunEvent), initialState({ run: 'run-1', runUid: 'uid-0001', model: 'tiny', version: '1', specDigest: digest('s'), requestedBy: 'ed', startedAt: at(0), order: [...STAGE_NAMES] }));

const LIVE: LiveView = { heartbeats: [], terminated: false, ui: null };
const HANDLE: JobHandle = { key: 'k1', executor: 'local', kind: 'local', jobDir: '/jobs/k1', logPath: '/jobs/k1/log', host: 'node-1', hostId: 'h1', bootId: 'b1', pid: 42, pidStartedAt: '7' };
const placed = { type: 'job_placed', stage: 'train', key: 'k1', attempt: 1, backend: 'ascend', simulated: true, executor: 'local', queue: 'q' } as const;
const beat = (change: Partial<WatchHeartbeat> = {}): WatchHeartbeat => ({ handle: HANDLE, observation: 'ok', starts: 1, at: at(5), progress: { step: 3, total: 10, metrics: { loss: 2 }, at: at(5) }, ...change });

describe('the status of a run', () => {
  it('has every field of the contract, with null rather than nothing', () => {
    const state = stateAfter({ type: 'stage_done', stage: 'train', outputs: { checkpoint: artifact('c') }, figures: { step: 10 } }, placed, { type: 'gate_opened', gate: approvalGate() });
    const status: object = JSON.parse(JSON.stringify(statusOf(state, LIVE)));
    expect(Object.keys(status)).toEqual(expect.arrayContaining(['schema', 'run', 'runUid', 'model', 'version', 'round', 'state', 'source', 'stages', 'waitingOn', 'jobs', 'failure', 'release', 'ui', 'startedAt', 'updatedAt', 'endedAt']));
    expect(status).toMatchObject({ schema: 'modelferry.status/1', run: 'run-1', runUid: 'uid-0001', model: 'tiny', version: '1', round: 1, state: 'waiting', source: 'query', failure: null, release: null, ui: null, endedAt: null });
    const { stages, waitingOn, jobs } = status as Record<'stages' | 'waitingOn' | 'jobs', object[]>;
    expect(Object.keys(stages[0] ?? {})).toEqual(expect.arrayContaining(['name', 'state', 'round', 'attempts', 'startedAt', 'endedAt', 'reason', 'outputs', 'figures']));
    expect(Object.keys(waitingOn[0] ?? {})).toEqual(expect.arrayContaining(['kind', 'gate', 'roles', 'since', 'deadline', 'choices', 'commands']));
    expect(Object.keys(jobs[0] ?? {})).toEqual(
      expect.arrayContaining(['key', 'stage', 'attempt', 'backend', 'simulated', 'executor', 'handle', 'state', 'observation', 'unknownSince', 'pid', 'host', 'starts', 'logPath', 'progress']),
    );
    expect(stages).toHaveLength(STAGE_NAMES.length);
    expect(stages[3]).toMatchObject({ name: 'train', outputs: { checkpoint: { kind: 'model', uri: 'store:c', digest: digest('c'), bytes: 1 } }, figures: { step: 10 } });
  });

  it('tells of a gate its kind, choices, quorum, digests and the commands that answer it', () => {
    const [wait] = statusOf(stateAfter({ type: 'gate_opened', gate: repairGate() }), LIVE).waitingOn;
    expect(wait).toMatchObject({ kind: 'repair', gate: 'repair.train', roles: ['operator'], quorum: { operator: { have: 0, need: 1 } }, since: at(0), deadline: at(600), choices: ['retry', 'change', 'replace_input', 'send_back', 'stop'], identity: 'asserted' });
    expect(wait?.commands.ferry).toContain('ferry retry run-1');
  });

  it('shows of a live job what its newest heartbeat says, and of an ended one what it ended with', () => {
    const running = stateAfter(placed, { type: 'job_submitted', key: 'k1', handle: HANDLE });
    const [job] = statusOf(running, { ...LIVE, heartbeats: [beat()] }).jobs;
    expect(job).toMatchObject({ state: 'running', handle: 'local:h1:b1:42', pid: 42, host: 'node-1', logPath: '/jobs/k1/log', starts: 1, observation: 'ok', progress: { step: 3, total: 10, metrics: { loss: 2 } } });
    const ended = reduce(running, { at: at(9), type: 'job_ended', key: 'k1', state: 'done', ladder: FRESH_LADDER, outcome: { state: 'exited', starts: 1, lastLines: [], lineCount: 0, exit: { exitCode: 0, signal: null, startedAt: at(1), endedAt: at(9), outputs: {} } } });
    expect(statusOf(ended, { ...LIVE, heartbeats: [beat({ starts: 9 })] }).jobs[0]).toMatchObject({ state: 'done', exitCode: 0, starts: 1, observation: 'ok' });
  });

  it('shows a job that cannot be seen as unknown, and not as failed', () => {
    const running = stateAfter(placed, { type: 'job_submitted', key: 'k1', handle: HANDLE });
    expect(statusOf(running, { ...LIVE, heartbeats: [beat({ observation: 'unknown', unknownSince: at(4) })] }).jobs[0]).toMatchObject({ state: 'running', observation: 'unknown', unknownSince: at(4) });
  });

  it('finds the handle of a job whose submission was not yet written down', () => {
    expect(statusOf(stateAfter(placed), { ...LIVE, heartbeats: [beat()] }).jobs[0]).toMatchObject({ state: 'placed', pid: 42 });
    expect(statusOf(stateAfter(placed), LIVE).jobs[0]).toMatchObject({ handle: null, pid: null, host: null, starts: 0, progress: null });
  });

  it('names an imitated backend as such', () => {
    expect(statusOf(stateAfter(placed), LIVE).jobs[0]).toMatchObject({ backend: 'ascend', simulated: true });
  });

  it('waits for nobody any more when the run is over, however it ended', () => {
    const waiting = stateAfter({ type: 'gate_opened', gate: approvalGate() });
    expect(statusOf(waiting, LIVE).state).toBe('waiting');
    expect(statusOf(waiting, { ...LIVE, terminated: true, endedAt: at(99) })).toMatchObject({ state: 'terminated', waitingOn: [], endedAt: at(99) });
    for (const status of ['completed', 'failed', 'rejected', 'cancelled'] as const) expect(statusOf(reduce(waiting, { at: at(9), type: 'ended', status }), LIVE)).toMatchObject({ state: status, waitingOn: [], endedAt: at(9) });
  });

  it('shows the release, the failure and what was taken over', () => {
    const failure = { kind: 'device_fault', message: 'm', rootLine: 'ECC', lineNumber: 3, owner: 'platform', nextAction: 'retry_other_node' } as const;
    const state = stateAfter({ type: 'stage_failed', stage: 'train', failure }, { type: 'released', ref: 'tiny:1@x', digest: digest('r') });
    expect(statusOf({ ...state, resumedFrom: { run: 'run-0', runUid: 'uid-0000', from: 'convert' } }, LIVE)).toMatchObject({ failure, release: { ref: 'tiny:1@x', digest: digest('r') }, resumedFrom: { run: 'run-0', from: 'convert' } });
  });

  it('leaves the state as it is', () => {
    expect(() => statusOf(frozen(stateAfter(placed, { type: 'gate_opened', gate: approvalGate() })), frozen({ ...LIVE, heartbeats: [beat()] }))).not.toThrow();
  });
});
