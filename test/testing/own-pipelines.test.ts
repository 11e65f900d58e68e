import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isLive } from '../../src/domain/run-state.js';
import type { RunSpecInput } from '../../src/domain/spec.js';
import type { Rehearsal, RehearsedJob, RunScript } from '../../src/testing/index.js';
import { DAY_MS, rehearse } from './kit.js';

const HOUR_MS = 3_600_000;

let env: Rehearsal;
beforeAll(async () => {
  env = await rehearse({ pipelines: fileURLToPath(new URL('./fixtures/own.mjs', import.meta.url)) });
}, 300_000);
afterAll(() => env?.close());

const spec = (pipeline: string, params: RunSpecInput['params'] = {}): RunSpecInput => ({ schema: 'modelferry.run/1', pipeline, model: 'tiny', version: '1', params });
const APPROVED: RunScript['gates'] = { approve: [{ verdict: 'approve', approver: 'demo-manager', reason: 'good' }] };
const of = (jobs: readonly RehearsedJob[], stage: string): RehearsedJob[] => jobs.filter((job) => job.stage === stage);
/** When a job began and ended, in hours since `from`; `+ 0` since a millisecond before it rounds to -0. */
const hours = ({ startedAt, endedAt }: RehearsedJob, from: string): [number, number] => [startedAt, endedAt ?? ''].map((at) => Math.round((Date.parse(at) - Date.parse(from)) / HOUR_MS) + 0) as [number, number];

describe('the items of a fan-out', () => {
  it('overlap as far as the limit lets them: four of an hour each take two hours by two', async () => {
    const run = await env.start(spec('fanOut', { items: ['a', 'b', 'c', 'd'], limit: 2 }), { id: 'overlap', script: { jobs: { evaluate: [{ runs: '1 hour' }] }, gates: APPROVED } });
    const { state, jobs } = await run.finished();
    expect(state.status).toBe('completed');
    const from = of(jobs, 'evaluate-a')[0]?.startedAt ?? '';
    expect(['a', 'b', 'c', 'd'].map((item) => hours(of(jobs, `evaluate-${item}`)[0] as RehearsedJob, from))).toEqual([[0, 1], [0, 1], [1, 2], [1, 2]]);
  });

  it('go by the entries of their stage, each from the first one, unless they have entries of their own', async () => {
    const script: RunScript = { jobs: { evaluate: [{ runs: '1 hour', ends: { exit: 78 } }, { runs: '2 hours' }], 'evaluate-own': [{ runs: '5 hours' }] }, gates: { ...APPROVED, ...Object.fromEntries(['a', 'b'].map((item) => [`repair.evaluate-${item}`, [{ verdict: 'retry', approver: 'olga', reason: 'it is there now' }]])) } };
    const run = await env.start(spec('fanOut', { items: ['a', 'own', 'b'], limit: 3 }), { id: 'shared', script });
    const { jobs } = await run.finished();
    const lasted = (stage: string): number[] => of(jobs, stage).map((job) => hours(job, job.startedAt)[1]);
    expect([lasted('evaluate-a'), lasted('evaluate-b'), lasted('evaluate-own')]).toEqual([[1, 2], [1, 2], [5]]);
  });

  it('are told where the entries of their stage do not suffice, and which of those no item came to', async () => {
    const few = await env.start(spec('fanOut', { items: ['a'], limit: 1 }), { id: 'few', script: { jobs: { evaluate: [{ ends: { exit: 78 } }] }, gates: { 'repair.evaluate-a': [{ verdict: 'retry', approver: 'olga', reason: 'again' }] } } });
    await expect(few.finished()).rejects.toMatchObject({ code: 'unscripted', message: expect.stringContaining('evaluate-a started its job 2, and the script has 1 under jobs.evaluate') });
    const many = await env.start(spec('fanOut', { items: ['a', 'b'], limit: 1 }), { id: 'many', script: { jobs: { evaluate: [{}, {}] }, gates: APPROVED } });
    await expect(many.finished()).rejects.toMatchObject({ code: 'unused_script', message: expect.stringMatching(/: jobs\.evaluate\[1\]$/) });
  });

  it('are sent back while another one runs, whose job is ended and done again', async () => {
    const script: RunScript = {
      jobs: { 'evaluate-bad': [{ runs: '1 hour', ends: { exit: 78 } }, { runs: '1 hour' }], 'evaluate-slow': [{ runs: '40 days' }, { runs: '2 days' }] },
      gates: { 'repair.evaluate-bad': [{ after: '1 day', verdict: 'send_back', to: 'prepare', approver: 'olga', reason: 'another corpus' }], ...APPROVED },
    };
    const run = await env.start(spec('fanOut', { items: ['bad', 'slow'], limit: 2 }), { id: 'sent-back', script });
    const { state, jobs, tookMs } = await run.finished();
    expect(state).toMatchObject({ status: 'completed', round: 2 });
    const slow = of(jobs, 'evaluate-slow');
    expect(slow.map(({ round, exitCode }) => [round, exitCode])).toEqual([[1, null], [2, 0]]);
    expect(slow.map((job) => hours(job, job.startedAt)[1])).toEqual([25, 48]);
    expect(of(jobs, 'prepare')).toHaveLength(2);
    expect(state.jobs.filter(isLive)).toEqual([]);
    expect(tookMs / DAY_MS).toBeLessThan(3.2);
  });
});

describe('a pipeline of one\'s own', () => {
  it('waits in a stage of code for ten days', async () => {
    const { state, tookMs } = await (await env.start(spec('tenDays'), { id: 'ten-days' })).finished();
    expect(state.stages['wait']).toMatchObject({ state: 'done', figures: { waited: 'ten days' } });
    expect(tookMs / DAY_MS).toBeGreaterThan(9.999);
    expect(tookMs / DAY_MS).toBeLessThan(10.001);
  });

  it('has a year of failures, side by side, in seconds', async () => {
    const items = ['a', 'b', 'c', 'd', 'e', 'f'];
    const asked = Object.fromEntries(items.map((item) => [`repair.evaluate-${item}`, Array.from({ length: 2 }, () => ({ after: '10 days', verdict: 'retry', approver: 'olga', reason: 'again' }))]));
    const script: RunScript = { jobs: { evaluate: [{ runs: '40 days', ends: { exit: 78 } }, { runs: '30 days', ends: { exit: 78 } }, { runs: '30 days' }] }, gates: { ...asked, approve: [{ after: '5 days', verdict: 'approve', approver: 'demo-manager', reason: 'good' }] } };
    const from = performance.now();
    const { state, tookMs, jobs } = await (await env.start(spec('fanOut', { items, limit: 2 }), { id: 'a-year', script })).finished();
    const seconds = (performance.now() - from) / 1000;
    process.stderr.write(`${(tookMs / DAY_MS).toFixed(1)} days of a fan-out took ${seconds.toFixed(2)} s\n`);
    expect(state.status).toBe('completed');
    expect(jobs.filter(({ stage }) => stage.startsWith('evaluate-'))).toHaveLength(18);
    expect(tookMs / DAY_MS).toBeGreaterThan(365);
    expect(tookMs / DAY_MS).toBeLessThan(365.1);
    expect(seconds).toBeLessThan(30);
  });
});
