import { describe, expect, it } from 'vitest';
import { FRESH_LADDER } from '../../src/domain/attempts.js';
import { bytesOf } from '../../src/domain/bounds.js';
import { MAX_ITEMS } from '../../src/domain/pipeline.js';
import type { JobHandle, JobOutcome } from '../../src/domain/job.js';
import { reduce, type RunEvent } from '../../src/domain/run-events.js';
import { KEEP, MAX_STATE_BYTES, artifactsOf, initialState, isOfThisRound, isLive, openGates, stageOf, upgradeState, type RunState } from '../../src/domain/run-state.js';
import { STAGE_NAMES } from '../../src/domain/stage.js';
import { approvalGate, approves, artifact, at, decideAll, decision, digest, frozen, pick, repairGate, seeded } from './kit.js';

type Untimed<T> = T extends unknown ? Omit<T, 'at'> : never;

const fresh = (): RunState =>
  initialState({ run: 'run-1', runUid: 'uid-0001', model: 'tiny', version: '1', specDigest: digest('spec'), requestedBy: 'ed', startedAt: at(0), order: [...STAGE_NAMES] });

let minute = 0;
/** The state after the events, each of which finds everything frozen that it must not write to. */
const after = (state: RunState, ...events: Untimed<RunEvent>[]): RunState => events.reduce((s, event) => reduce(frozen(s), frozen({ ...event, at: at(++minute) } as RunEvent)), state);

const placed = (stage: string, attempt: number, key = `uid-0001.${stage}.r1.a${attempt}`): Untimed<RunEvent> => ({ type: 'job_placed', stage, key, attempt, backend: 'cpu', simulated: false, executor: 'local', queue: 'ferry.local.h' });
const ended = (key: string, outcome?: JobOutcome): Untimed<RunEvent> => ({ type: 'job_ended', key, state: 'failed', ladder: FRESH_LADDER, reason: 'exit 1', outcome });
const done = (stage: string, output?: string): Untimed<RunEvent> => ({ type: 'stage_done', stage, outputs: output === undefined ? {} : { [output]: artifact(output) }, figures: {} });

describe('the reducer of a run', () => {
  it('is pure: an event changes neither the state before it nor itself', () => {
    const state = after(
      fresh(),
      { type: 'stage_started', stage: 'train' },
      placed('train', 1),
      { type: 'job_submitted', key: 'uid-0001.train.r1.a1', handle: HANDLE },
      ended('uid-0001.train.r1.a1'),
      { type: 'fell_back', stage: 'train', from: 'ascend', to: 'nvidia', reason: 'no progress' },
      { type: 'gate_opened', gate: repairGate() },
      { type: 'decision_judged', decision: decision({ verdict: 'retry' }), route: 'update', gate: 'repair.train', answer: { accepted: true, code: 'accepted', reason: '', quorum: {} }, next: repairGate({ outcome: { verdict: 'retry', by: ['ops'], at: at(1), reason: '' } }) },
      { type: 'repaired', stage: 'train', by: 'ops', text: 'retry', set: { 'params.seed': 2 }, input: { name: 'dataset', ref: artifact('dataset') } },
      done('train', 'checkpoint'),
      { type: 'sent_back', to: 'train', by: 'ops', reason: 'again', dropInputs: ['checkpoint'] },
      { type: 'released', ref: 'tiny:1', digest: digest(1) },
      { type: 'noted', stage: 'train', text: 'x' },
      { type: 'ended', status: 'completed' },
    );
    expect(state.status).toBe('completed');
  });

  it('follows a job from its place to its end', () => {
    const key = 'uid-0001.train.r1.a1';
    const running = after(fresh(), { type: 'stage_started', stage: 'train' }, placed('train', 1), { type: 'job_submitted', key, handle: HANDLE });
    expect(running.jobs).toMatchObject([{ key, state: 'running', handle: HANDLE, queue: 'ferry.local.h' }]);
    expect(stageOf(running, 'train')).toMatchObject({ state: 'running', attempts: 1, job: key });
    const over = after(running, ended(key));
    expect(over.jobs).toMatchObject([{ state: 'failed', reason: 'exit 1' }]);
    expect(stageOf(over, 'train').job).toBeUndefined();
  });

  it('places a job once for a key, and refuses the end of one that it does not know', () => {
    const key = 'uid-0001.train.r1.a1';
    expect(after(fresh(), placed('train', 1, key), placed('train', 1, key)).jobs).toHaveLength(1);
    expect(() => after(fresh(), ended('uid-0001.train.r1.a9'))).toThrow('no job');
    expect(() => after(fresh(), { type: 'gate_expired', gate: 'approve' })).toThrow('no gate');
    expect(() => after(fresh(), { type: 'stage_started', stage: 'constructor' })).toThrow('no stage');
  });

  it('never lets a live job fall out of its list, however many others have ended', () => {
    let state = after(fresh(), placed('train', 1, 'uid-0001.train.r1.a1'));
    for (let i = 1; i <= 3 * KEEP; i++) state = after(state, placed('convert', i), ended(`uid-0001.convert.r1.a${i}`));
    expect(state.jobs.filter(isLive).map((job) => job.key)).toEqual(['uid-0001.train.r1.a1']);
    expect(state.jobs.length).toBeLessThanOrEqual(KEEP + 2);
    expect(state.jobs.at(-1)?.attempt).toBe(3 * KEEP);
  });

  it('does everything from a stage on anew when a run is sent back, in a new round, with the old approvals void', () => {
    let state = after(fresh(), { type: 'stage_skipped', stage: 'label', reason: 'the spec leaves it out' }, done('prepareData', 'dataset'), done('train', 'checkpoint'), done('convert', 'model'));
    const { gate } = decideAll(approvalGate(), [{ approver: 'ana' }]);
    state = after(state, { type: 'gate_opened', gate: approvalGate() }, { type: 'decision_judged', decision: approves('ana'), route: 'update', gate: 'approve', answer: { accepted: true, code: 'accepted', reason: '', quorum: {} }, next: gate }, done('approve'));
    state = { ...state, inputs: { dataset: artifact('d2'), checkpoint: artifact('c2') } };
    state = after(state, { type: 'sent_back', to: 'train', by: 'ana', reason: 'more epochs', dropInputs: ['checkpoint', 'model'] });

    expect(state.round).toBe(2);
    expect(stageOf(state, 'prepareData')).toMatchObject({ state: 'done', round: 1 });
    expect(stageOf(state, 'label')).toMatchObject({ state: 'skipped', round: 1 });
    for (const name of ['train', 'convert', 'approve', 'publish']) expect(stageOf(state, name)).toEqual({ name, state: 'pending', round: 2, attempts: 0, outputs: {}, figures: {} });
    expect(Object.keys(artifactsOf(state))).toEqual(['dataset']);
    expect(openGates(state)).toEqual([]);
    expect(state.gates['approve']?.round).toBeLessThan(state.round);
    expect(state.notes.at(-1)?.text).toBe('sent back to train by ana: more epochs; earlier approvals are void');
  });

  it('keeps a skipped stage skipped through a send-back to it', () => {
    const state = after(fresh(), { type: 'stage_skipped', stage: 'label', reason: 'left out' }, { type: 'sent_back', to: 'prepareData', by: 'ops', reason: '', dropInputs: [] });
    expect(stageOf(state, 'label').state).toBe('skipped');
    expect(stageOf(state, 'preflight').round).toBe(1);
  });

  it('lets an input that a person gave stand in for what a stage made', () => {
    const state = after(fresh(), done('prepareData', 'dataset'), { type: 'repaired', stage: 'train', by: 'ops', text: 'x', input: { name: 'dataset', ref: artifact('better') } });
    expect(artifactsOf(state)['dataset']?.uri).toBe('store:better');
  });

  it('closes an expired gate with its own refusal, by nobody', () => {
    const state = after(fresh(), { type: 'gate_opened', gate: approvalGate() }, { type: 'gate_expired', gate: 'approve' });
    expect(state.gates['approve']?.outcome).toMatchObject({ verdict: 'reject', by: [] });
    expect(stageOf(state, 'approve').state).toBe('waiting');
  });

  it('logs refused decisions as well, and counts them all when only the newest are kept', () => {
    let state = fresh();
    for (let i = 0; i < 70; i++) state = after(state, { type: 'decision_judged', decision: decision({ approver: 'eve' }), route: 'signal', gate: 'approve', answer: { accepted: false, code: 'not_open', reason: '', quorum: {} } });
    expect(state.decisions).toHaveLength(KEEP);
    expect(state.decisions.at(-1)).toMatchObject({ seq: 70, approver: 'eve', accepted: false, code: 'not_open' });
    expect(state.decisionCount).toBe(70);
  });

  it('keeps the best step of the earlier tries through a repair, with a fresh budget', () => {
    const state = after(fresh(), placed('train', 1), { ...ended('uid-0001.train.r1.a1'), ladder: { index: 1, failures: 3, again: 2, bestStep: 40 } } as Untimed<RunEvent>, { type: 'repaired', stage: 'train', by: 'ops', text: 'retry' });
    expect(stageOf(state, 'train').ladder).toEqual({ index: 0, failures: 0, again: 0, bestStep: 40 });
  });

  it('refuses a state that a newer version wrote', () => {
    expect(upgradeState(fresh()).v).toBe(1);
    expect(() => upgradeState({ v: 2 })).toThrow('version 2');
    expect(() => upgradeState(null)).toThrow('unknown');
  });
});

/** Three bytes a character in UTF-8, or two where JSON escapes it: what fills a state fastest. */
const long = (length: number): string => '模型"\\'.repeat(Math.ceil(length / 4)).slice(0, length);

const HANDLE: JobHandle = { key: 'k', executor: 'local', kind: 'local', jobDir: `/${'d'.repeat(200)}`, logPath: `/${'l'.repeat(220)}`, host: 'h'.repeat(64), hostId: 'h'.repeat(32), bootId: 'b'.repeat(36), pid: 123_456, pidStartedAt: '1234567890' };

function longOutcome(step: number): JobOutcome {
  return {
    state: 'exited',
    exit: { exitCode: 1, signal: null, startedAt: at(0), endedAt: at(1), problem: { kind: 'storage_error', message: long(2000) }, outputs: { out: LONGEST.annotated('out') } },
    starts: 1,
    progress: { step, total: 1e9, metrics: Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`${i}${long(62)}`, Math.PI])), phase: 'p'.repeat(40), readyUrl: 'u'.repeat(512), verdict: { value: 'fail', reasons: Array.from({ length: 5 }, () => long(300)) }, at: at(1) },
    checkpoint: { step, path: 'p'.repeat(255), digest: digest(step), bytes: 1e12, format: 'f'.repeat(40), backend: 'nvidia', attempt: 1, at: at(1) },
    passedOver: Array.from({ length: 20 }, () => long(300)),
    lastLines: Array.from({ length: 20 }, () => long(500)),
    lineCount: 1,
  };
}

const LONGEST = {
  reason: long(2000),
  failure: { kind: 'unknown', message: long(5000), rootLine: long(5000), lineNumber: 1, owner: 'requester', nextAction: 'ask_human' },
  annotated: (name: string) => ({ ...artifact(name), uri: 'u'.repeat(512), annotations: Object.fromEntries(Array.from({ length: 4 }, (_, i) => [`a${i}`, 'x'.repeat(490)])) }),
} as const;

describe('the size of a state', () => {
  it('is counted in bytes of UTF-8', () => {
    const value = ['a"\\', 'é', '模型', '😀', '\ud800', { k: undefined, n: -1.5, 'ö': null }, {}, [], [undefined, true]];
    expect(bytesOf(value)).toBe(Buffer.byteLength(JSON.stringify(value)));
  });

  it('stays within its bound through 10,000 mixed events with the longest texts, and nothing that is needed is lost', () => {
    const random = seeded(7);
    const people = Array.from({ length: 160 }, (_, i) => `${'p'.repeat(90)}${i}`);
    let state = fresh();
    let attempt = 0;
    let live: string | undefined;
    let largest = 0;
    const step = (event: Untimed<RunEvent>): void => {
      state = reduce(frozen(state), frozen({ ...event, at: at(++minute) } as RunEvent));
    };
    for (let i = 0; i < 10_000; i++) {
      const stage = pick(random, STAGE_NAMES);
      const draw = random();
      if (live === undefined && draw < 0.2) {
        live = `uid-0001.${stage}.r${state.round}.a${++attempt}`;
        step(placed(stage, attempt, live));
        step({ type: 'job_submitted', key: live, handle: HANDLE });
        for (const server of ['reference', 'candidate'] as const) {
          const key = `${live}.${server}`;
          step({ ...placed(stage, attempt, key), type: 'server_placed', server } as Untimed<RunEvent>);
          step({ type: 'job_submitted', key, handle: HANDLE });
          step({ type: 'server_ready', key, url: `http://${'u'.repeat(500)}` });
        }
      } else if (live !== undefined && draw < 0.2) {
        // Served, it is known how it ended for as long as its servers take to end.
        step({ type: 'job_exited', key: live, outcome: longOutcome(i) });
        expect(bytesOf(state), `the state of an attempt that waits for its servers, event ${i}`).toBeLessThanOrEqual(MAX_STATE_BYTES);
        for (const server of ['reference', 'candidate']) step({ type: 'server_ended', key: `${live}.${server}`, state: 'failed', outcome: longOutcome(i), reason: LONGEST.reason });
        step({ ...ended(live, longOutcome(i)), reason: LONGEST.reason, failure: LONGEST.failure } as Untimed<RunEvent>);
        live = undefined;
      } else if (draw < 0.3) step({ type: 'stage_done', stage, outputs: { out: LONGEST.annotated(stage) }, figures: longOutcome(i).progress?.metrics ?? {}, reason: LONGEST.reason, identity: { spec: digest(1), inputs: { a: digest(1), b: digest(2), c: digest(3) }, code: digest(4) } });
      else if (draw < 0.35) step({ type: 'stage_failed', stage, failure: LONGEST.failure });
      else if (draw < 0.4) step({ type: 'stage_skipped', stage, reason: LONGEST.reason });
      else if (draw < 0.5) {
        const opened = draw < 0.405 ? approvalGate({ roles: [{ role: 'r'.repeat(100), quorum: 20, members: people }] }) : repairGate({ id: `repair.${stage}`, stage, roles: [{ role: 'operator', quorum: 1, members: people }] });
        const gate = { ...opened, round: state.round, question: LONGEST.reason, evidence: [long(900), long(900), long(900), long(900)] };
        step({ type: 'gate_opened', gate, failure: LONGEST.failure });
        const answers = gate.kind === 'approval' ? people.slice(0, 20).map((approver) => approves(approver, { reason: LONGEST.reason, nonce: `n${approver}` })) : [decision({ approver: people[0], verdict: 'change', reason: LONGEST.reason, set: { 'params.seed': 'x'.repeat(8000) } })];
        const judgedAs = decideAll(state.gates[gate.id] ?? gate, answers);
        step({ type: 'decision_judged', decision: answers[0] ?? approves('ana'), route: 'update', gate: gate.id, answer: judgedAs.answers[0] ?? { accepted: true, code: 'accepted', reason: '', quorum: {} }, next: judgedAs.gate });
        if (gate.kind === 'repair') step({ type: 'repaired', stage, by: people[0] ?? '', text: LONGEST.reason, set: { 'params.seed': 'x'.repeat(8000) }, input: { name: pick(random, ['dataset', 'labels', 'checkpoint', 'quality', 'model', 'validation', 'release', 'rollout']), ref: LONGEST.annotated(stage) } });
      } else if (draw < 0.51) step({ type: 'sent_back', to: stage, by: people[0] ?? '', reason: LONGEST.reason, dropInputs: [] });
      else if (draw < 0.75) step({ type: 'noted', stage, text: LONGEST.reason });
      else step({ type: 'decision_judged', decision: approves(long(100), { gate: long(100), reason: LONGEST.reason }), route: 'signal', gate: long(100), answer: { accepted: false, code: 'unknown_gate', reason: '', quorum: {} } });

      const bytes = i % 20 === 0 ? Buffer.byteLength(JSON.stringify(state)) : bytesOf(state);
      largest = Math.max(largest, bytes);
      if (bytes > MAX_STATE_BYTES) expect.fail(`${bytes} bytes after event ${i}`);
      if (state.jobs.filter(isLive).map((job) => job.key).join() !== (live === undefined ? '' : [live, `${live}.reference`, `${live}.candidate`].join())) expect.fail(`the live job was lost at event ${i}`);
    }
    expect(largest).toBeGreaterThan(MAX_STATE_BYTES * 0.9);
    expect(state.notes.length).toBeGreaterThanOrEqual(3);
    expect(state.decisions.length).toBeGreaterThanOrEqual(3);
    expect(state.decisions.at(-1)?.seq).toBe(state.decisionCount);
  }, 60_000);

  it('keeps whole lists where texts are as people write them', () => {
    let state = fresh();
    for (let i = 0; i < 2 * KEEP; i++) {
      state = after(state, placed('train', i + 1), { type: 'job_submitted', key: `uid-0001.train.r1.a${i + 1}`, handle: HANDLE }, ended(`uid-0001.train.r1.a${i + 1}`), { type: 'noted', stage: 'train', text: `note ${i}` });
      state = after(state, { type: 'decision_judged', decision: approves('ana', { reason: 'fine' }), route: 'update', gate: 'approve', answer: { accepted: false, code: 'not_open', reason: '', quorum: {} } });
    }
    expect([state.notes.length, state.decisions.length]).toEqual([KEEP, KEEP]);
    expect(state.jobs.length).toBeGreaterThanOrEqual(KEEP);
  });

  it('drops the names of those who may decide when a gate is closed, and keeps who did', () => {
    const roles = [{ role: 'release-manager', quorum: 1, members: ['ana', 'bo'] }];
    const { gate } = decideAll(approvalGate({ roles }), [{ approver: 'ana' }]);
    const state = after(fresh(), { type: 'gate_opened', gate: approvalGate({ roles }) }, { type: 'decision_judged', decision: approves('ana'), route: 'update', gate: 'approve', answer: { accepted: true, code: 'accepted', reason: '', quorum: {} }, next: gate });
    expect(state.gates['approve']).toMatchObject({ roles: [{ role: 'release-manager', quorum: 1 }], counted: [{ approver: 'ana' }], outcome: { verdict: 'approve' } });
    expect(JSON.stringify(state.gates['approve'])).not.toContain('"bo"');
  });
});

describe('a fan-out in the state of a run', () => {
  const start = (order = ['prepare', 'evaluate', 'approve']): RunState => initialState({ run: 'run-1', runUid: 'uid-0001', model: 'tiny', version: '1', specDigest: digest('spec'), requestedBy: 'ed', startedAt: at(0), order });

  it('stands where its stage stood, keeps what its items have done, and drops those that are named no more', () => {
    const expanded = after(start(), { type: 'stage_expanded', stage: 'evaluate', items: ['a', 'b'] });
    expect(expanded.order).toEqual(['prepare', 'evaluate-a', 'evaluate-b', 'approve']);
    expect(expanded.stages['evaluate-a']).toMatchObject({ of: 'evaluate', state: 'pending' });
    expect(expanded.stages['evaluate']).toBeUndefined();
    const other = after(expanded, done('evaluate-b', 'score'), { type: 'stage_expanded', stage: 'evaluate', items: ['b', 'c'] });
    expect(other.order).toEqual(['prepare', 'evaluate-b', 'evaluate-c', 'approve']);
    expect([other.stages['evaluate-b']?.state, other.stages['evaluate-c']?.state]).toEqual(['done', 'pending']);
    // What an item made bears the item's name, so that two of one output are two artifacts.
    expect(Object.keys(artifactsOf(other))).toEqual(['score-b']);
    expect(after(other, { type: 'sent_back', to: 'prepare', by: 'ana', reason: 'again', dropInputs: [] }).stages['evaluate-b']).toMatchObject({ of: 'evaluate', state: 'pending', round: 2 });
  });

  it('tells of several that people are asked about each its own failure, until the last is answered', () => {
    const failing = (item: string): Untimed<RunEvent> => ({ type: 'gate_opened', gate: repairGate({ id: `repair.evaluate-${item}`, stage: `evaluate-${item}` }), failure: { kind: 'unknown', message: `${item} broke`, owner: 'requester', nextAction: 'ask_human' } });
    const asked = after(start(), { type: 'stage_expanded', stage: 'evaluate', items: ['a', 'b'] }, failing('a'), failing('b'));
    expect([asked.stages['evaluate-a']?.failure?.message, asked.failure?.message]).toEqual(['a broke', 'b broke']);
    const one = after(asked, { type: 'repaired', stage: 'evaluate-b', by: 'ana', text: 'retry' });
    expect([one.stages['evaluate-b']?.failure, one.failure?.message]).toEqual([undefined, 'a broke']);
    expect(after(one, { type: 'repaired', stage: 'evaluate-a', by: 'ana', text: 'retry' }).failure).toBeUndefined();
  });

  it('goes back to a stage that has become its items since it was named, and to an item that is no more', () => {
    const expanded = after(start(), done('prepare', 'corpus'), { type: 'stage_expanded', stage: 'evaluate', items: ['a', 'b'] }, done('evaluate-a', 'score'), done('evaluate-b', 'score'));
    for (const to of ['evaluate', 'evaluate-z']) {
      const back = after(expanded, { type: 'sent_back', to, by: 'ana', reason: 'again', dropInputs: [] });
      expect(back.order.map((name) => back.stages[name]?.state)).toEqual(['done', 'pending', 'pending', 'pending']);
    }
  });

  it('has no gate of this round at an item that is no more', () => {
    const asked = after(start(), { type: 'stage_expanded', stage: 'evaluate', items: ['a'] }, { type: 'gate_opened', gate: repairGate({ id: 'repair.evaluate-a', stage: 'evaluate-a' }) });
    const other = after(asked, { type: 'sent_back', to: 'prepare', by: 'ana', reason: 'again', dropInputs: [] }, { type: 'stage_expanded', stage: 'evaluate', items: ['b'] });
    expect(Object.values(other.gates).map((gate) => isOfThisRound(other, gate))).toEqual([false]);
  });

  it('voids the gates of what is done again, and leaves those of what is not', () => {
    const asking = (stage: string): Untimed<RunEvent> => ({ type: 'gate_opened', gate: repairGate({ id: `repair.${stage}`, stage }), failure: { kind: 'unknown', message: `${stage} broke`, owner: 'requester', nextAction: 'ask_human' } });
    const back = after(start(), asking('prepare'), asking('evaluate'), { type: 'sent_back', to: 'evaluate', by: 'ana', reason: 'again', dropInputs: [] });
    expect(back.gates['repair.evaluate']?.outcome).toMatchObject({ verdict: 'void', by: [] });
    expect(openGates(back).map((gate) => gate.id)).toEqual(['repair.prepare']);
    expect(back.failure?.message).toBe('prepare broke');
  });

  it('keeps the state within its bound with as many items as a run takes, each of which a person is asked about', () => {
    const items = Array.from({ length: MAX_ITEMS }, (_, i) => `${'x'.repeat(36)}-${i}`);
    const long = 'y'.repeat(2000);
    let state = after(start(), { type: 'stage_expanded', stage: 'evaluate', items });
    for (const item of items) {
      const stage = `evaluate-${item}`;
      const key = `uid-0001.${stage}.r1.a1`;
      state = after(
        state,
        { type: 'stage_started', stage, identity: { spec: digest(1), inputs: { corpus: digest(2), model: digest(3) }, code: digest(4) } },
        placed(stage, 1, key),
        { type: 'job_submitted', key, handle: HANDLE },
        ended(key, { state: 'exited', starts: 1, lastLines: [long], lineCount: 1 }),
        { type: 'gate_opened', gate: repairGate({ id: `repair.${stage}`, stage, evidence: [long, long, long, long].map((line) => line.slice(0, 450)), stages: ['prepare', stage] }), failure: { kind: 'unknown', message: long, rootLine: long, owner: 'requester', nextAction: 'ask_human' } },
      );
    }
    expect(bytesOf(state)).toBeLessThanOrEqual(MAX_STATE_BYTES);
  });
});
