import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEarlier, reusableOf } from '../../src/client/earlier-run.js';
import { resumeRun } from '../../src/client/resume.js';
import { startRun } from '../../src/client/start.js';
import { plannedReuse } from '../../src/domain/reuse.js';
import type { RunState } from '../../src/domain/run-state.js';
import { RunSpec, type RunSpecInput } from '../../src/domain/spec.js';
import { RELEASE_PIPELINE } from '../../src/domain/stage.js';
import { makes, shellJob, startStack, startsByKey, stateOf, until, type Stack, type WorkerProcess } from '../support/stack.js';

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

const SPEC: RunSpecInput = {
  schema: 'modelferry.run/1',
  model: 'tiny',
  version: '1',
  stages: {
    preflight: {},
    prepareData: { job: shellJob(makes('dataset'), { params: { seed: 1 } }) },
    train: { attempts: [shellJob(makes('checkpoint'))] },
    convert: { job: shellJob(makes('model'), { params: { dtype: 'bf16' } }) },
    approve: {},
  },
};

async function atApproval(id: string, spec: RunSpecInput = SPEC): Promise<RunState> {
  const run = await stack.startRun(id, spec);
  return await until(run, (s) => s.gates['approve'] !== undefined);
}

const resumed = async (id: string): Promise<RunState> => await until(stack.client.workflow.getHandle(id), (s) => s.gates['approve'] !== undefined);
const reasons = (state: RunState): (string | undefined)[] => ['prepareData', 'train', 'convert'].map((name) => state.stages[name]?.reason);

describe('a resumed run', () => {
  it('takes over earlier outputs by digest, says why, starts no job for them, and needs its own approval', async () => {
    const first = await atApproval('first');
    await stack.client.workflow.getHandle('first').executeUpdate('decide', { args: [{ verdict: 'approve', approver: 'demo-manager', reason: 'good' }] });
    const { run } = await resumeRun({ client: stack.client, run: 'first', from: 'convert', requestedBy: 'alice' });
    const second = await resumed(run);
    expect(reasons(second)).toEqual([expect.stringMatching(/^reused from first: same command, parameters, inputs and code$/), expect.stringContaining('reused from first'), undefined]);
    expect(second.stages['train']?.outputs).toEqual(first.stages['train']?.outputs);
    expect(second.gates['approve']).toMatchObject({ counted: [] });
    expect(second.gates['approve']?.outcome).toBeUndefined();
    const starts = await startsByKey(stack.records);
    expect(Object.keys(starts).filter((key) => key.startsWith(second.runUid))).toEqual([`${second.runUid}.convert.r1.a1`]);
  });

  it('does again what differs, and says what that is', async () => {
    await atApproval('third');
    const { run } = await resumeRun({ client: stack.client, run: 'third', from: 'convert', set: { 'stages.prepareData.params.seed': 2 }, requestedBy: 'alice' });
    const state = await resumed(run);
    expect(state.notes.map((n) => `${n.stage} ${n.text}`)).toEqual(['prepareData not reused: its command or parameters differs from third']);
    expect(state.jobs.map((job) => job.stage)).toEqual(['prepareData', 'convert']);
  });

  it('may be a run of a changed spec, which takes over what is unchanged just as the plan says beforehand', async () => {
    await atApproval('fourth');
    const changed: RunSpecInput = { ...SPEC, version: '2', stages: { ...SPEC.stages, convert: { job: shellJob(makes('model'), { params: { dtype: 'fp16' } }) } } };
    const earlier = await readEarlier({ client: stack.client, run: 'fourth' });
    const planned = plannedReuse({ pipeline: RELEASE_PIPELINE, spec: RunSpec.parse(changed), earlier: earlier.state, inputs: {}, code: undefined });
    await startRun({ client: stack.client, spec: changed, id: 'fifth', requestedBy: 'bob', resume: reusableOf(earlier, RELEASE_PIPELINE) });
    const state = await resumed('fifth');
    expect(state.jobs.map((job) => job.stage)).toEqual(['convert']);
    expect(Object.entries(planned).map(([stage, { reused }]) => [stage, reused])).toEqual(['prepareData', 'train', 'convert'].map((stage) => [stage, state.stages[stage]?.reason?.startsWith('reused from fourth') === true]));
    expect(state.notes.map((n) => n.text)).toEqual([`not reused: ${planned['convert']?.reason}`]);
    expect(state).toMatchObject({ resumedFrom: { run: 'fourth' }, requesters: ['bob', 'alice'] });
  });

  it('does not believe a start that claims more than the earlier run made', async () => {
    const honest = await atApproval('honest');
    const other = (await stateOf(stack.client.workflow.getHandle('third'))).stages['convert']?.outputs['model'];
    const { prepareData, train } = honest.stages;
    if (other === undefined || prepareData?.identity === undefined || train?.identity === undefined) throw new Error('the runs before made nothing');
    const stages = {
      prepareData: { outputs: prepareData.outputs, figures: {}, identity: prepareData.identity },
      train: { outputs: { checkpoint: other }, figures: {}, identity: train.identity },
    };
    const run = await stack.startRun('forger', SPEC, { resume: { run: 'honest', runUid: honest.runUid, from: 'convert', stages } });
    const state = await until(run, (s) => s.gates['approve'] !== undefined);
    expect(reasons(state)[0]).toContain('reused from honest');
    expect(state.notes.map((n) => n.text).join()).toContain('honest did not make the checkpoint');
    expect(state.stages['train']?.outputs).toEqual(train.outputs);
    expect(state.jobs.map((job) => job.stage)).toEqual(['train', 'convert']);

    // Approvers are shown a stage's figures: they are the earlier run's own, or the stage is done again.
    const boast = { prepareData: { ...stages.prepareData, figures: { verdict: 'pass' } } };
    await stack.startRun('boaster', SPEC, { resume: { run: 'honest', runUid: honest.runUid, from: 'train', stages: boast } });
    const boaster = await resumed('boaster');
    expect(boaster.notes.map((n) => n.text)).toEqual(['not reused: honest found other figures than the start claims']);
    await stack.startRun('namesake', SPEC, { resume: { run: 'honest', runUid: 'another-run-0', from: 'train', stages: { prepareData: stages.prepareData } } });
    expect((await resumed('namesake')).notes.map((n) => n.text)).toEqual(['not reused: the run honest is another one than the start names']);
  });
});
