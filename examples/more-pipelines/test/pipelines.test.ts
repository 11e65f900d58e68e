import { fileURLToPath } from 'node:url';
import { createRehearsal, type Rehearsal } from 'modelferry/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const base = { schema: 'modelferry.run/1', model: 'word-counts', version: '1' } as const;

let env: Rehearsal;
beforeAll(async () => {
  env = await createRehearsal({ pipelines: at('../dist/pipelines.js'), specDir: at('..'), onProgress: console.log });
});
afterAll(() => env?.close());

describe('evaluateAll', () => {
  it('evaluates each suite, asks about the one that failed, and then about the summary', async () => {
    const model = await env.addArtifact('model', { 'model.json': '{}' }, { dtype: 'fp32', layout: 'json' });
    const run = await env.start(
      { ...base, pipeline: 'evaluateAll', params: { suites: ['ferries', 'trains', 'ships'] }, inputs: { model: { artifact: model.digest } } },
      {
        script: {
          jobs: { 'evaluate-trains': [{ runs: '1 hour', ends: { exit: 78, says: 'there is no suite trains' } }, { runs: '1 hour' }] },
          gates: { 'repair.evaluate-trains': [{ after: '1 day', verdict: 'retry', approver: 'olga', reason: 'the suite is there now' }], approve: [{ verdict: 'approve', approver: 'demo-manager', reason: 'good' }] },
        },
      },
    );
    const { state, jobs } = await run.finished();
    expect(state.status).toBe('completed');
    expect(jobs.map(({ stage }) => stage).sort()).toEqual(['evaluate-ferries', 'evaluate-ships', 'evaluate-trains', 'evaluate-trains', 'summarise']);
  });

  it('refuses a spec without suites before anything starts', async () => {
    await expect(env.start({ ...base, version: '2', pipeline: 'evaluateAll', params: { suites: [] } })).rejects.toThrow(/suites/);
  });
});

describe('shortRelease', () => {
  it('calls the stages of releaseModel one by one, each said by the spec', async () => {
    const job = { job: { command: ['node', 'jobs/step.mjs'] } };
    const run = await env.start(
      { ...base, version: '3', pipeline: 'shortRelease', stages: { prepareData: job, train: { attempts: [job.job] }, convert: job, evaluateOnce: job } },
      { script: { gates: { approve: [{ verdict: 'approve', approver: 'demo-manager', reason: 'good' }] } } },
    );
    const { state } = await run.finished();
    expect(state.order.map((name) => [name, state.stages[name]?.state])).toEqual(['preflight', 'prepareData', 'train', 'convert', 'evaluateOnce', 'approve', 'publish'].map((name) => [name, 'done']));
    expect(state.release).toBeDefined();
  });
});
