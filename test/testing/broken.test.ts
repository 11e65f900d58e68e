import { fileURLToPath } from 'node:url';
import { DefaultLogger, bundleWorkflowCode } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Rehearsal } from '../../src/testing/index.js';
import { RELEASE, TRAINING, WHOLE, rehearse } from './kit.js';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

let env: Rehearsal;
beforeAll(async () => {
  env = await rehearse({ horizon: '365 days' });
}, 300_000);
afterAll(() => env?.close());

describe('a rehearsal that goes wrong', () => {
  it('ends at once with the error of a workflow that fails its tasks', async () => {
    const bundle = await bundleWorkflowCode({ workflowsPath: at('./fixtures/broken-workflow.mjs'), payloadConverterPath: at('../../dist/temporal-payloads.js'), logger: new DefaultLogger('ERROR') });
    const broken = await rehearse({ bundle });
    try {
      const from = performance.now();
      const run = await broken.start(RELEASE, { id: 'broken' });
      await expect(run.finished()).rejects.toMatchObject({ code: 'workflow_broken', message: expect.stringContaining('the mistake of the fixture') });
      expect(performance.now() - from).toBeLessThan(10_000);
    } finally {
      await broken.close();
    }
  });

  it('names the job that has no entry', async () => {
    const run = await env.start(TRAINING, { id: 'unscripted', script: { jobs: { train: [{ runs: '1 hour', ends: { exit: 1 } }] } } });
    await expect(run.finished()).rejects.toMatchObject({ code: 'unscripted', message: expect.stringContaining('train started its job 2, and the script has 1 under jobs.train') });
    expect((await run.handle.describe()).status.name).toBe('TERMINATED');
  });

  it('gives a run with a job that hangs up at the horizon', async () => {
    const run = await env.start(TRAINING, { id: 'hangs', script: { jobs: { train: [{ ends: 'hangs' }] } } });
    await expect(run.finished()).rejects.toMatchObject({ code: 'too_long' });
  });

  it('refuses a script that can’t be meant', async () => {
    await expect(env.start(TRAINING, { script: { jobs: { train: [{ runs: '1 hour', progress: [{ at: '2 hours', step: 1 }] }] } } })).rejects.toMatchObject({ code: 'script_invalid', message: expect.stringContaining('jobs.train[0].progress[0].at') });
    await expect(env.start(TRAINING, { script: { gates: { approve: [{ after: 'a while', verdict: 'approve' }] } } })).rejects.toThrow(/gates\.approve\[0\]\.after: a duration such as/);
    await expect(rehearse({ now: '2020-01-01T00:00:00Z' })).rejects.toMatchObject({ code: 'bad_time' });
  });

  it('does not wait for a run when it is closed', async () => {
    const closed = await rehearse();
    const run = await closed.start(WHOLE, { id: 'closed' });
    const finished = run.finished().catch((error: unknown) => error);
    await closed.close();
    await closed.close();
    expect(await finished).toMatchObject({ code: 'closed' });
  });
});

describe('faults of jobs', () => {
  it('come with servers that are late, outputs that are missing, and verdicts that are no pass', async () => {
    const run = await env.start(WHOLE, {
      id: 'faults',
      script: {
        jobs: {
          convert: [{ ends: { exit: 0, outputs: {} } }, { ends: { exit: 0, outputs: { model: { 'model.safetensors': 'weights', 'config.json': '{}' } } } }],
          validateOnAscend: [{ runs: '1 hour', progress: [{ at: '50 minutes', verdict: { value: 'fail', reasons: ['agreement 0.71'] } }] }, { runs: '1 hour', progress: [{ at: '50 minutes', verdict: { value: 'pass' } }] }],
          'validateOnAscend.reference': [{ ends: 'hangs' }, { progress: [{ at: '20 minutes', ready: true }], ends: 'hangs' }, { progress: [{ at: '10 minutes', ready: true }], ends: 'hangs' }],
        },
        gates: { 'repair.validateOnAscend': [{ verdict: 'retry', approver: 'operator', reason: 'kernel fixed' }], approve: [{ verdict: 'approve', approver: 'demo-manager' }] },
      },
    });
    const { state, jobs } = await run.finished();
    expect(state).toMatchObject({ status: 'completed', stages: { convert: { attempts: 2 }, validateOnAscend: { attempts: 3, figures: { verdict: 'pass' } } } });
    const convert = state.jobs.filter(({ stage }) => stage === 'convert');
    expect(convert[0]?.reason).toContain('the program ended with 0 but left no out/model');
    expect(state.stages['convert']?.outputs['model']?.bytes).toBe(9);
    // The first reference was never ready, so its attempt had no job; the candidate beside it was stopped.
    expect(jobs.filter(({ stage, server }) => stage === 'validateOnAscend' && server !== 'candidate').map(({ server = 'job', attempt }) => `${server} ${attempt}`)).toEqual(['reference 1', 'reference 2', 'job 2', 'reference 3', 'job 3']);
    expect(state.jobs.find(({ stage, attempt, server }) => stage === 'validateOnAscend' && attempt === 1 && server === undefined)?.reason).toContain('was not ready by');
  });
});
