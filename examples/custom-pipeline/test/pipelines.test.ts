// Rehearsals: the real workflow code on a Temporal server whose time is skipped; jobs and people follow a script. A run of
// months takes a second, and no process is started.
import { fileURLToPath } from 'node:url';
import { createRehearsal, recordHistory, replayHistories, type Rehearsal } from 'modelferry/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
/** Compiled, as a worker gets them: npm test builds first. */
const pipelines = at('../dist/pipelines.js');
const histories = at('histories');

let env: Rehearsal;
beforeAll(async () => {
  env = await createRehearsal({ pipelines, specDir: at('..'), onProgress: console.log });
});
afterAll(() => env?.close());

describe('tuneAndRelease', () => {
  it('tries a job again that failed, and releases what a person approved three weeks later', async () => {
    const run = await env.start('run.yaml', {
      id: 'approved',
      script: {
        jobs: { tune: [{ runs: '2 hours', ends: { exit: 1, says: 'out of memory' } }, { runs: '3 hours', ends: { exit: 0, outputs: { model: { 'model.json': '{}' } } } }] },
        gates: { approve: [{ after: '21 days', verdict: 'approve', approver: 'demo-manager', reason: 'figures checked' }] },
      },
    });
    const { state, jobs, tookMs } = await run.finished();
    expect(state.status).toBe('completed');
    expect(state.release?.ref).toContain('word-counts:1@sha256:');
    expect(state.stages['tune']?.outputs['model']?.annotations).toEqual({ dtype: 'fp32', layout: 'json' });
    expect(jobs.map(({ stage, exitCode }) => [stage, exitCode])).toEqual([['tune', 1], ['tune', 0]]);
    expect(tookMs).toBeGreaterThan(21 * 86_400_000);
    await recordHistory({ run, folder: histories });
  });

  it('releases nothing that nobody approved in time', async () => {
    const run = await env.start('run.yaml', { id: 'expired' });
    const { state } = await run.finished();
    expect(state).toMatchObject({ status: 'failed', stop: 'expired' });
    expect(state.release).toBeUndefined();
    await recordHistory({ run, folder: histories });
  });
});

describe('runs that began on earlier code', () => {
  // Recorded above once, then kept under version control: they are what open runs look like. A file may go, to be recorded
  // anew, when no run is open that is like it.
  it('go on with the code of today', async () => {
    expect(await replayHistories({ folder: histories, pipelines })).toEqual({});
  });
});
