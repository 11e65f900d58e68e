// Rehearsals of run.yaml: the real workflow code on a Temporal server whose time is skipped; jobs and people follow a script.
// A run of months takes a second, and no process is started.
import { fileURLToPath } from 'node:url';
import { createRehearsal, recordHistory, replayHistories, type Rehearsal } from 'modelferry/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const histories = at('histories');

let env: Rehearsal;
beforeAll(async () => {
  env = await createRehearsal({ specDir: at('..'), onProgress: console.log });
});
afterAll(() => env?.close());

describe('the release of run.yaml', () => {
  it('falls back to Nvidia from the newest checkpoint, and is published once a person has approved it', async () => {
    const run = await env.start('run.yaml', {
      id: 'fallen-back',
      script: {
        jobs: {
          train: [
            { runs: '3 hours', progress: [{ at: '2 hours', step: 20, checkpoint: { step: 20 } }], ends: { exit: 1, says: 'HCCL timeout' } },
            { runs: '1 hour', ends: { exit: 1, says: 'HCCL timeout' } },
            { runs: '9 days' },
          ],
        },
        gates: { approve: [{ after: '2 days', verdict: 'approve', approver: 'demo-manager', reason: 'figures checked' }] },
      },
    });
    const { state, jobs } = await run.finished();
    expect(state.status).toBe('completed');
    expect(state.release?.ref).toContain('line:1@sha256:');
    expect(jobs.filter(({ stage }) => stage === 'train').map(({ backend, resumedFrom }) => [backend, resumedFrom])).toEqual([['ascend', undefined], ['ascend', 20], ['nvidia', 20]]);
    await recordHistory({ run, folder: histories });
  });

  it('asks a person about a model whose quality is no pass, who has it trained again, and publishes nothing that is rejected', async () => {
    const run = await env.start('run.yaml', {
      id: 'sent-back',
      script: {
        jobs: { assessQuality: [{ progress: [{ at: '1 second', verdict: { value: 'fail', reasons: ['mean error 0.4'] } }] }, {}] },
        gates: {
          'repair.assessQuality': [{ after: '1 day', verdict: 'send_back', to: 'train', approver: 'olga', reason: 'a broken run' }],
          approve: [{ verdict: 'reject', approver: 'demo-manager', reason: 'no better' }],
        },
      },
    });
    const { state } = await run.finished();
    expect(state).toMatchObject({ status: 'rejected', round: 2 });
    expect(state.release).toBeUndefined();
    await recordHistory({ run, folder: histories });
  });

  it('publishes nothing that nobody approved in time', async () => {
    const run = await env.start('run.yaml', { id: 'expired' });
    const { state } = await run.finished();
    expect(state).toMatchObject({ status: 'failed', stop: 'expired' });
    expect(state.release).toBeUndefined();
  });
});

describe('runs that began on an earlier version of modelferry', () => {
  // Recorded above once, then kept under version control: they are what open runs look like. A file may go, to be recorded
  // anew, when no run is open that is like it.
  it('go on with the one that is installed', async () => {
    expect(await replayHistories({ folder: histories })).toEqual({});
  });
});
