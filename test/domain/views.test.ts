import { describe, expect, it } from 'vitest';
import { FRESH_LADDER } from '../../src/domain/attempts.js';
import { reduce, type RunEvent } from '../../src/domain/run-events.js';
import { initialState, type RunState } from '../../src/domain/run-state.js';
import { STAGE_NAMES } from '../../src/domain/stage.js';
import { SEARCH_ATTRIBUTES, attributesOf, backendLabel, commandsFor, currentStage, detailsOf, headline, waitingLabel } from '../../src/domain/views.js';
import { approvalGate, approves, at, decideAll, digest, repairGate } from './kit.js';

type Untimed<T> = T extends unknown ? Omit<T, 'at'> : never;

const HOSTILE = '<img src=x onerror=alert(1)> [click](https://evil.example) **x** | y \u202e```\n# Approved';

const stateAfter = (...events: Untimed<RunEvent>[]): RunState =>
  events.reduce((state, event, i) => reduce(state, { ...event, at: at(i + 1) } as RunEvent), initialState({ run: 'run-1', runUid: 'uid-0001', model: 'tiny', version: '1', specDigest: digest('s'), requestedBy: 'ed', startedAt: at(0), order: [...STAGE_NAMES] }));

const placed = { type: 'job_placed', stage: 'train', key: 'k1', attempt: 1, backend: 'ascend', simulated: true, executor: 'local', queue: 'ferry.local.h' } as const;
const decidedBy = (gate = approvalGate(), verdict: 'approve' | 'reject' = 'approve'): Untimed<RunEvent> => {
  const { gate: next, answers } = decideAll(gate, [{ approver: 'ana', verdict }]);
  return { type: 'decision_judged', decision: approves('ana', { verdict }), route: 'update', gate: gate.id, answer: answers[0]!, next };
};

describe('the search attributes of a run', () => {
  it('have the names and types that are pinned', () => {
    const types = Object.fromEntries(Object.entries(SEARCH_ATTRIBUTES).map(([name, type]) => [name, type.toLowerCase()]));
    expect(types).toEqual({ FerryStage: 'keyword', FerryWaitingOn: 'keyword', FerryBackend: 'keyword', FerryModel: 'keyword', FerryVersion: 'keyword', FerryVerdict: 'keyword', FerryTargetDate: 'datetime' });
  });

  it('tell stage, backend and whom the run waits for', () => {
    expect(attributesOf(stateAfter())).toEqual({ FerryStage: 'preflight', FerryWaitingOn: '' });
    expect(attributesOf(stateAfter({ type: 'stage_started', stage: 'train' }, placed))).toMatchObject({ FerryBackend: 'ascend (simulated)' });
    const waiting = stateAfter(...STAGE_NAMES.slice(0, 7).map((stage) => ({ type: 'stage_done', stage, outputs: {}, figures: {} }) as const), { type: 'gate_opened', gate: approvalGate() });
    expect(attributesOf(waiting)).toEqual({ FerryStage: 'approve', FerryWaitingOn: 'approval approve: release-manager' });
  });

  it('show the verdict of the round that the run is in, and none that is void', () => {
    const approved = stateAfter({ type: 'gate_opened', gate: approvalGate() }, decidedBy());
    expect(attributesOf(approved).FerryVerdict).toBe('approve');
    const back = reduce(approved, { at: at(9), type: 'sent_back', to: 'train', by: 'ops', reason: 'x', dropInputs: [] });
    expect(attributesOf(back).FerryVerdict).toBe('');
  });

  it('show what the validation found until somebody has decided, and the candidate’s backend while it is served', () => {
    const job = { ...placed, stage: 'validateOnAscend', key: 'v1', backend: 'cpu', simulated: false } as const;
    const server = (name: 'reference' | 'candidate', backend: 'nvidia' | 'ascend') => ({ ...placed, type: 'server_placed', stage: 'validateOnAscend', key: `v1.${name}`, server: name, backend }) as const;
    const outcome = { state: 'exited', starts: 1, lastLines: [], lineCount: 0, progress: { at: at(1), verdict: { value: 'inconclusive', reasons: ['few'] } } } as const;
    const served = stateAfter({ type: 'stage_started', stage: 'validateOnAscend' }, job, server('reference', 'nvidia'), server('candidate', 'ascend'));
    expect(attributesOf(served)).toMatchObject({ FerryBackend: 'ascend (simulated)' });
    expect(attributesOf(served).FerryVerdict).toBeUndefined();
    expect(served.stages['validateOnAscend']).toMatchObject({ job: 'v1', attempts: 1 });
    const found = [
      { at: at(5), type: 'server_ready', key: 'v1.candidate', url: 'http://127.0.0.1:1' },
      { at: at(6), type: 'server_ended', key: 'v1.candidate', state: 'done' },
      { at: at(7), type: 'job_ended', key: 'v1', state: 'done', outcome: outcome as never, ladder: FRESH_LADDER },
    ].reduce((state, event) => reduce(state, event as RunEvent), served);
    expect(found.jobs.map(({ server: name, state, url }) => [name, state, url])).toEqual([[undefined, 'done', undefined], ['reference', 'placed', undefined], ['candidate', 'done', 'http://127.0.0.1:1']]);
    expect(attributesOf(found)).toMatchObject({ FerryVerdict: 'inconclusive' });
    const approved = reduce(reduce(found, { at: at(8), type: 'gate_opened', gate: approvalGate() }), { at: at(9), ...decidedBy() } as RunEvent);
    expect(attributesOf(approved).FerryVerdict).toBe('approve');
    expect(attributesOf(reduce(found, { at: at(9), type: 'sent_back', to: 'convert', by: 'ops', reason: 'x', dropInputs: [] })).FerryVerdict).toBe('');
  });

  it('show the end of a run, which waits for nobody', () => {
    const ended = stateAfter({ type: 'gate_opened', gate: repairGate() }, { type: 'ended', status: 'cancelled' });
    expect(attributesOf(ended)).toMatchObject({ FerryStage: 'cancelled', FerryWaitingOn: '' });
  });

  it('fit into a keyword, however many roles a gate asks', () => {
    const roles = Array.from({ length: 10 }, (_, i) => ({ role: `${'r'.repeat(90)}${i}`, quorum: 1 }));
    expect(waitingLabel(approvalGate({ roles })).length).toBeLessThanOrEqual(255);
  });
});

describe('the commands that answer a gate', () => {
  const gates = [approvalGate(), approvalGate({ roles: [{ role: 'r', quorum: 1, members: ['demo-manager'] }] }), repairGate()];

  it.each(gates)('name the run and the gate $id, for ferry and for temporal', (gate) => {
    const { ferry, temporal } = commandsFor('run-1', gate);
    for (const command of [ferry, temporal]) {
      expect(command).toContain('run-1');
      expect(command).toContain(gate.id);
    }
    expect(ferry).toMatch(/^ferry (?:approve|retry) run-1 --gate /);
    expect(temporal).toMatch(/^temporal workflow (?:signal|update execute) --workflow-id run-1 --name (?:approve|decide) --input '\{/);
  });

  it('suggest the approver where there is only one', () => {
    expect(commandsFor('run-1', gates[1]!).ferry).toContain('--as demo-manager ');
    expect(commandsFor('run-1', gates[0]!).ferry).toContain('--as NAME ');
  });

  it('quote an id that a shell would read as something else', () => {
    expect(commandsFor('a; rm -rf /', gates[0]!).ferry).toContain("ferry approve 'a; rm -rf /' ");
  });
});

describe('the page of a run in the Temporal UI', () => {
  it('tells who is waited for, until when, and how to answer, without opening an event', () => {
    const page = detailsOf(stateAfter({ type: 'gate_opened', gate: approvalGate({ evidence: ['quality: sha256:1'] }) }));
    for (const text of ['release\\-manager', 'Release tiny 1?', 'quality: sha256:1', 'asserted', '2026-01-01', 'ferry approve run-1 --gate approve', 'temporal workflow signal --workflow-id run-1']) expect(page).toContain(text);
  });

  it('names every stage, and an imitated backend as one', () => {
    const page = detailsOf(stateAfter({ type: 'stage_started', stage: 'train' }, placed));
    for (const stage of STAGE_NAMES) expect(page).toContain(stage);
    expect(page).toContain('ascend \\(simulated\\)');
    expect(backendLabel({ backend: 'nvidia', simulated: false })).toBe('nvidia');
  });

  it('shows what people and logs wrote as text: no markup, no link, no HTML, no line of its own', () => {
    const failure = { kind: 'unknown', message: HOSTILE, owner: 'requester', nextAction: 'stop' } as const;
    const state = stateAfter(
      placed,
      { type: 'job_ended', key: 'k1', state: 'failed', ladder: FRESH_LADDER, reason: HOSTILE, failure },
      { type: 'noted', stage: 'train', text: HOSTILE },
      { type: 'gate_opened', gate: repairGate({ question: HOSTILE, evidence: [HOSTILE], roles: [{ role: HOSTILE, quorum: 1 }] }), failure },
    );
    const page = detailsOf({ ...state, model: HOSTILE, version: HOSTILE });
    expect(page).toContain('onerror');
    expect(page).not.toMatch(/(?<!\\)<img|(?<!\\)\[click|https:\/\/|^# Approved/m);
    expect(page).not.toContain('\u202e');
  });

  it('keeps a run id that is no text of ours within its line', () => {
    const page = detailsOf({ ...stateAfter({ type: 'gate_opened', gate: approvalGate() }), run: 'x\n```\n# Approved\n' });
    expect(page).not.toMatch(/^# Approved/m);
  });

  it('stays far below what a server takes', () => {
    const long = '模型'.repeat(1000);
    let state = stateAfter({ type: 'gate_opened', gate: repairGate({ question: long, evidence: Array.from({ length: 50 }, () => long) }) });
    for (let i = 0; i < 60; i++) state = reduce(state, { at: at(i), type: 'noted', stage: 'train', text: long });
    expect(Buffer.byteLength(detailsOf(state))).toBeLessThan(32 * 1024);
  });
});

describe('the headline of a run', () => {
  it('says what it does, whom it waits for, or how it ended', () => {
    expect(headline(stateAfter())).toBe('preflight');
    expect(headline(stateAfter({ type: 'stage_started', stage: 'train' }))).toBe('train');
    expect(headline(stateAfter(...STAGE_NAMES.slice(0, 3).map((stage) => ({ type: 'stage_skipped', stage, reason: 'x' }) as const), placed))).toBe('train on ascend (simulated), attempt 1');
    expect(headline(stateAfter({ type: 'gate_opened', gate: approvalGate({ roles: [{ role: 'release-manager', quorum: 2 }, { role: 'security', quorum: 1 }] }) }))).toBe('waiting for 2 × release-manager and security at approve');
    expect(headline(stateAfter({ type: 'released', ref: 'tiny:1', digest: digest(1) }, { type: 'ended', status: 'completed' }))).toBe('completed: tiny:1');
    expect(currentStage(stateAfter(...STAGE_NAMES.map((stage) => ({ type: 'stage_skipped', stage, reason: 'x' }) as const)))).toBeUndefined();
  });
});
