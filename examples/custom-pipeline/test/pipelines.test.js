// Rehearsals: the real workflow code on a Temporal server whose time is skipped; jobs and people follow a script. A run of
// months takes a second, and no process is started.
import { fileURLToPath } from 'node:url';
import { createRehearsal } from 'modelferry/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const base = { schema: 'modelferry.run/1', model: 'word-counts', version: '1' };

let env;
beforeAll(async () => {
  // Compiled, as a worker gets them: npm test builds first.
  env = await createRehearsal({ pipelines: at('../dist/index.js'), specDir: at('..'), onProgress: console.log });
}, 300_000);
afterAll(() => env?.close());

const TUNE = { ...base, pipeline: 'tuneAndRelease', inputs: { corpus: { path: 'corpus' } } };

describe('tuneAndRelease', () => {
  it('tries a job again that failed, and releases what a person approved three weeks later', async () => {
    const run = await env.start(TUNE, {
      script: {
        jobs: { tune: [{ runs: '2 hours', ends: { exit: 1, says: 'out of memory' } }, { runs: '3 hours', ends: { exit: 0, outputs: { model: { 'model.json': '{}' } } } }] },
        gates: { approve: [{ after: '21 days', verdict: 'approve', approver: 'demo-manager', reason: 'figures checked' }] },
      },
    });
    const { state, jobs, tookMs } = await run.finished();
    expect(state.status).toBe('completed');
    expect(state.release?.ref).toContain('word-counts:1@sha256:');
    expect(state.stages.tune.outputs.model.annotations).toEqual({ dtype: 'fp32', layout: 'json' });
    expect(jobs.map(({ stage, exitCode }) => [stage, exitCode])).toEqual([['tune', 1], ['tune', 0]]);
    expect(tookMs).toBeGreaterThan(21 * 86_400_000);
  });

  it('releases nothing that nobody approved in time', async () => {
    const run = await env.start({ ...TUNE, version: '2' });
    const { state } = await run.finished();
    expect(state).toMatchObject({ status: 'failed', stop: 'expired' });
    expect(state.release).toBeUndefined();
  });
});

describe('evaluateAll', () => {
  it('evaluates each suite, asks about the one that failed, and then about the summary', async () => {
    const model = await env.addArtifact('model', { 'model.json': '{}' }, { dtype: 'fp32', layout: 'json' });
    const run = await env.start(
      { ...base, version: '3', pipeline: 'evaluateAll', params: { suites: ['ferries', 'trains', 'ships'] }, inputs: { model: { artifact: model.digest } } },
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
    await expect(env.start({ ...base, version: '4', pipeline: 'evaluateAll', params: { suites: [] } })).rejects.toThrow(/suites/);
  });
});

describe('shortRelease', () => {
  it('calls the stages of releaseModel one by one, each said by the spec', async () => {
    const job = { job: { command: ['node', 'jobs/step.mjs'] } };
    const run = await env.start(
      { ...base, version: '5', pipeline: 'shortRelease', stages: { prepareData: job, train: { attempts: [job.job] }, convert: job, evaluateOnce: job } },
      { script: { gates: { approve: [{ verdict: 'approve', approver: 'demo-manager', reason: 'good' }] } } },
    );
    const { state } = await run.finished();
    expect(state.order.map((name) => [name, state.stages[name].state])).toEqual(['preflight', 'prepareData', 'train', 'convert', 'evaluateOnce', 'approve', 'publish'].map((name) => [name, 'done']));
    expect(state.release).toBeDefined();
  });
});
