import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DecisionAnswer } from '../../src/domain/gate.js';
import { initialState, type RunState } from '../../src/domain/run-state.js';
import { STAGE_NAMES } from '../../src/domain/stage.js';
import type { RunSpecInput } from '../../src/domain/spec.js';
import { makes, shellJob, startStack, until, type Stack, type WorkerProcess } from '../support/stack.js';

let stack: Stack;
let worker: WorkerProcess;
beforeAll(async () => {
  stack = await startStack();
  worker = await stack.startWorker();
}, 180_000);
afterAll(async () => {
  await worker?.drain();
  await stack?.stop();
});

const SPEC: RunSpecInput = { schema: 'modelferry.run/1', model: 'tiny', version: '1', stages: { convert: { job: shellJob(makes('model')) }, approve: {}, publish: {} }, inputs: {} };
const withCheckpoint = { ...SPEC, stages: { train: { attempts: [shellJob(makes('checkpoint'))] }, ...SPEC.stages } } satisfies RunSpecInput;
/** A version is published once, so each run that gets there has its own. */
const versioned = (version: string): typeof withCheckpoint => ({ ...withCheckpoint, version });
const YES = { gate: 'approve', verdict: 'approve', approver: 'demo-manager', reason: 'good' };

const decide = async (id: string, decision: unknown): Promise<DecisionAnswer> => await stack.client.workflow.getHandle(id).executeUpdate<DecisionAnswer, [unknown]>('decide', { args: [decision] });

describe('an approval', () => {
  it('sent at the very moment the gate opens is counted once, 100 of 100', async () => {
    const spec: RunSpecInput = { ...withCheckpoint, stages: { ...withCheckpoint.stages, publish: undefined, train: undefined, convert: undefined }, inputs: {} };
    // A model from the store makes the gate the first thing that these runs come to.
    const seed = await stack.startRun('seed', withCheckpoint);
    const model = (await until(seed, (s) => s.gates['approve'] !== undefined)).stages['convert']?.outputs['model'];
    if (model === undefined) throw new Error('the seed run made no model');
    const stages = { approve: {}, publish: {} };
    let counted = 0;
    for (let i = 0; i < 100; i += 10) {
      await Promise.all(
        Array.from({ length: 10 }, async (_, j) => {
          const id = `moment-${i + j}`;
          const run = await stack.startRun(id, { ...spec, version: id, stages, inputs: { model: { artifact: model.digest } } }, { inputs: { model } });
          // Fired while the run is on its way to the gate: some arrive in the very task that opens it.
          if (j % 2 === 0) {
            let answer = await decide(id, YES);
            while (answer.code === 'not_open') answer = await decide(id, YES);
            expect(answer).toMatchObject({ accepted: true, quorum: { 'release-manager': { have: 1, need: 1 } } });
          } else {
            // A signal has no answer: it is sent until the run no longer takes any.
            while ((await run.describe()).status.name === 'RUNNING') await run.signal('approve', { approver: 'demo-manager', reason: 'good' }).catch(() => undefined);
          }
          const { state } = (await run.result()) as { state: RunState };
          expect(state.gates['approve']?.counted).toHaveLength(1);
          expect(state.decisions.filter((d) => d.accepted)).toHaveLength(1);
          // What publish proves to itself from the server's history is the same as what the run counted.
          expect(state.release?.ref).toContain(`/releases/tiny:${id}@sha256:`);
          counted += 1;
        }),
      );
    }
    expect(counted).toBe(100);
  }, 300_000);

  it('that is early, unknown, stale, excluded, repeated or late is answered with a reason', async () => {
    const slow = { ...withCheckpoint, stages: { ...withCheckpoint.stages, train: { attempts: [shellJob(`sleep 2; ${makes('checkpoint')}`)] }, approve: { roles: [{ role: 'release-manager', quorum: 1 }] } } };
    const run = await stack.startRun('answers', slow);
    expect(await decide('answers', YES)).toMatchObject({ accepted: false, code: 'not_open', reason: expect.stringContaining('ferry status answers') });
    await until(run, (s) => s.gates['approve'] !== undefined);
    expect(await decide('answers', { ...YES, gate: 'aprove' })).toMatchObject({ accepted: false, code: 'unknown_gate', reason: expect.stringContaining('did you mean approve?') });
    expect(await decide('answers', { ...YES, approver: 'mallory' })).toMatchObject({ accepted: false, code: 'unknown_approver' });
    expect(await decide('answers', { ...YES, approver: 'alice' })).toMatchObject({ accepted: false, code: 'excluded' });
    expect(await decide('answers', { ...YES, role: 'founder' })).toMatchObject({ accepted: false, code: 'not_in_role' });
    expect(await decide('answers', { ...YES, digests: { model: `sha256:${'0'.repeat(64)}` } })).toMatchObject({ accepted: false, code: 'stale' });
    expect(await decide('answers', { ...YES, verdict: 'yes' })).toMatchObject({ accepted: false, code: 'unknown_choice' });
    await expect(decide('answers', { verdict: 3 })).rejects.toMatchObject({ cause: { message: expect.stringContaining('not a decision') } });
    expect(await decide('answers', YES)).toMatchObject({ accepted: true });
    await run.result();
    await expect(decide('answers', YES)).rejects.toThrow();
    const { state } = (await run.result()) as { state: RunState };
    // What the validator refused left no event; everything else is in the log, refusals too.
    expect(state.decisions.map((d) => d.code)).toEqual(['not_open', 'unknown_gate', 'unknown_approver', 'excluded', 'not_in_role', 'stale', 'unknown_choice', 'accepted']);
  });

  it.each([
    ['a bare reason', '"fine by me"'],
    ['who and why', '{"approver":"demo-manager","reason":"fine"}'],
    ['nothing at all', undefined],
  ])('as a plain signal with %s counts, and is marked as a signal', async (what, json) => {
    const id = `signal-${what.replaceAll(' ', '-')}`;
    const run = await stack.startRun(id, versioned(id));
    await until(run, (s) => s.gates['approve'] !== undefined);
    await run.signal('approve', ...(json === undefined ? [] : [JSON.parse(json)]));
    const { state } = (await run.result()) as { state: RunState };
    expect(state.gates['approve']?.counted).toMatchObject([{ approver: 'demo-manager', route: 'signal', verdict: 'approve' }]);
    expect(state.release?.ref).toContain(`/releases/tiny:${id}@sha256:`);
  });

  it('never comes from the deadline: an expired gate rejects', async () => {
    const run = await stack.startRun('expired', { ...withCheckpoint, stages: { ...withCheckpoint.stages, approve: { deadline: '1 second' } } });
    await expect(run.result()).rejects.toMatchObject({ cause: { type: 'expired' } });
  });

  it('is void after a send-back: the run asks again in a new round', async () => {
    const run = await stack.startRun('back', withCheckpoint);
    await until(run, (s) => s.gates['approve'] !== undefined);
    expect(await decide('back', { ...YES, verdict: 'reject', to: 'convert', reason: 'wrong dtype' })).toMatchObject({ accepted: true });
    const again = await until(run, (s) => s.gates['approve']?.opening === 2);
    expect(again).toMatchObject({ round: 2, gates: { approve: { counted: [], round: 2 } }, stages: { train: { round: 1 }, convert: { round: 2 } } });
    await decide('back', { ...YES, verdict: 'reject', reason: 'still wrong' });
    await expect(run.result()).rejects.toMatchObject({ cause: { type: 'rejected', details: [{ status: 'rejected' }] } });
  });
});

describe('a run under 2,000 signals in a row', () => {
  it('stays alive, refuses them all, and completes when the right one comes', async () => {
    const run = await stack.startRun('flood', versioned('flood'));
    await until(run, (s) => s.gates['approve'] !== undefined);
    for (let i = 0; i < 2000; i += 100) await Promise.all(Array.from({ length: 100 }, (_, j) => run.signal('approve', { approver: `nobody-${i + j}`, reason: 'x'.repeat(200) })));
    const latest = stack.client.workflow.getHandle('flood');
    const state = await until(latest, (s) => s.decisionCount === 2000, 120_000);
    expect(state.decisions).toHaveLength(50);
    expect(JSON.stringify(state).length).toBeLessThan(128 * 1024);
    expect(await decide('flood', YES)).toMatchObject({ accepted: true });
    const result = (await latest.result()) as { state: RunState };
    expect(result.state.status).toBe('completed');
  }, 240_000);
});

describe('a forged start', () => {
  const forgedState = (): RunState => ({
    ...initialState({ run: 'forged', runUid: 'forged-00', model: 'tiny', version: '1', specDigest: 'x', requestedBy: 'mallory', startedAt: new Date().toISOString(), order: [...STAGE_NAMES] }),
  });

  it('that carries a state is refused before anything runs', async () => {
    const run = await stack.startRun('forged', withCheckpoint, { carried: forgedState() });
    await expect(run.result()).rejects.toMatchObject({ cause: { type: 'state_forged' } });
  });

  it('whose state claims an approval, smuggled in by continue-as-new from a workflow of another queue, does not publish', async () => {
    const seed = await stack.startRun('smuggle-seed', withCheckpoint);
    const real = await until(seed, (s) => s.gates['approve'] !== undefined);
    const gate = real.gates['approve'];
    if (gate === undefined) throw new Error('no gate');
    const at = new Date(Date.parse(gate.openedAt) + 1).toISOString();
    const claimed: RunState = {
      ...real,
      run: 'smuggled',
      gates: { approve: { ...gate, counted: [{ approver: 'demo-manager', role: 'release-manager', verdict: 'approve', reason: 'good', route: 'update', at }], outcome: { verdict: 'approve', by: ['demo-manager'], at, reason: 'good' } } },
      stages: { ...real.stages, approve: { ...real.stages['approve'], name: 'approve', state: 'done', round: 1, attempts: 0, outputs: {}, figures: {} } },
    };
    const { smuggle } = await import('../support/smuggler.js');
    const handle = await smuggle(stack, { v: 1, runUid: 'smuggled-0', spec: withCheckpoint, requestedBy: 'mallory', carried: claimed });
    const state = await until(handle, (s) => s.gates['repair.publish'] !== undefined);
    expect(state.failure).toMatchObject({ kind: 'approval_unproved' });
    expect(state.failure?.message).toMatch(/task queue|no message of demo-manager/);
    expect(state.release).toBeUndefined();
    await delay(100);
  }, 120_000);
});
