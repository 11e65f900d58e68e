import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RehearsalOutcome, Rehearsal, RunScript } from '../../src/testing/index.js';
import { DAY_MS, TRAINING, WHOLE, rehearse } from './kit.js';

type JobScripts = NonNullable<NonNullable<RunScript['jobs']>[string]>;

let env: Rehearsal;
beforeAll(async () => {
  const from = performance.now();
  env = await rehearse();
  process.stderr.write(`the rehearsal started in ${((performance.now() - from) / 1000).toFixed(2)} s\n`);
}, 300_000);
afterAll(() => env?.close());

const lost: JobScripts[number] = { runs: '40 days', progress: [{ at: '30 days', step: 200, checkpoint: { step: 200 } }], ends: 'lost' };
/** 200 lines over half a year. */
const longest: JobScripts[number] = { runs: '180 days', progress: Array.from({ length: 200 }, (_, i) => ({ at: `${(i + 1) * 20} hours`, step: 400 + i, metrics: { loss: 2 - i / 200 } })) };

/** Two failures after a checkpoint each and one without on Ascend, two on Nvidia, a repair, and then half a year on Ascend to the end. */
const TROUBLED: JobScripts = [
  { runs: '30 days', progress: [{ at: '20 days', step: 100, checkpoint: { step: 100 } }], ends: { exit: 1, says: 'HCCL timeout' } },
  lost,
  { runs: '20 days', ends: { exit: 3 } },
  { runs: '40 days', progress: [{ at: '35 days', step: 300, checkpoint: { step: 300 } }], ends: { exit: 1, says: 'CUDA error' } },
  { runs: '10 days', ends: { exit: 1, says: 'CUDA error' } },
  longest,
];
const REPAIRED = { 'repair.train': [{ after: '29 days', verdict: 'retry', approver: 'operator', reason: 'driver rolled back' }] };
const APPROVED = { approve: [{ after: '25 days', verdict: 'approve', approver: 'demo-manager', reason: 'figures checked' }] };

const attempts = (outcome: RehearsalOutcome): string[] => outcome.jobs.filter(({ stage }) => stage === 'train').map(({ backend, state, exitCode, resumedFrom }) => `${backend} ${state} ${exitCode ?? '-'} from ${resumedFrom ?? 'the start'}`);

describe('a year of a run', () => {
  it('takes seconds, from data to the roll-out of a release whose approval publish has proved', async () => {
    const from = performance.now();
    const run = await env.start(WHOLE, { id: 'a-year', script: { jobs: { train: TROUBLED }, gates: { ...REPAIRED, ...APPROVED } } });
    const outcome = await run.finished();
    const seconds = (performance.now() - from) / 1000;
    process.stderr.write(`${(outcome.tookMs / DAY_MS).toFixed(1)} days took ${seconds.toFixed(2)} s\n`);

    expect(outcome.state).toMatchObject({ status: 'completed', release: { ref: expect.stringMatching(/^oci:.*tiny:1@sha256:/) } });
    expect(attempts(outcome)).toEqual([
      'ascend exited 1 from the start',
      'ascend lost - from 100',
      'ascend exited 3 from 200',
      'nvidia exited 1 from 200',
      'nvidia exited 1 from 300',
      // Whoever repairs a stage begins its ladder anew.
      'ascend exited 0 from 300',
    ]);
    expect(outcome.jobs.every(({ starts }) => starts === 1)).toBe(true);
    expect(outcome.answers.map(({ gate, answer }) => `${gate} ${answer.code}`)).toEqual(['repair.train accepted', 'approve accepted']);
    expect(outcome.state.stages['train']).toMatchObject({ attempts: 6, figures: { step: 599 } });
    // 30 + 40 + 20 + 40 + 10 days on jobs, 29 at the repair gate, 180 more, 25 at the approval.
    expect(outcome.tookMs / DAY_MS).toBeGreaterThan(374);
    expect(outcome.tookMs / DAY_MS).toBeLessThan(374.1);
    expect(seconds).toBeLessThan(30);
  });

  it('goes another way when a failure comes before its checkpoint', async () => {
    const before: JobScripts = [TROUBLED[0] ?? {}, { ...lost, progress: [] }, { runs: '20 days' }];
    const run = await env.start(TRAINING, { id: 'no-checkpoint', script: { jobs: { train: before } } });
    // The second failure in a row without progress: Ascend has spent its budget.
    expect(attempts(await run.finished())).toEqual(['ascend exited 1 from the start', 'ascend lost - from 100', 'nvidia exited 0 from 100']);
    const after = await env.start(TRAINING, { id: 'a-checkpoint', script: { jobs: { train: [TROUBLED[0] ?? {}, lost, { runs: '20 days' }] } } });
    expect(attempts(await after.finished())).toEqual(['ascend exited 1 from the start', 'ascend lost - from 100', 'ascend exited 0 from 200']);
  });

  it('needs no repair when a fault is taken out, and then says what of the script was for nothing', async () => {
    const healthy: JobScripts = TROUBLED.map((entry, i) => (i === 4 ? { runs: '10 days' } : entry));
    const script = { jobs: { train: healthy }, gates: REPAIRED };
    const run = await env.start(TRAINING, { id: 'healthy', script });
    await expect(run.finished()).rejects.toMatchObject({ code: 'unused_script', message: expect.stringMatching(/\(completed\).*unused script entries: jobs\.train\[5\], gates\.repair\.train\[0\]$/) });
    const shorter = await env.start(TRAINING, { id: 'healthy-and-short', script: { jobs: { train: healthy.slice(0, 5) } } });
    const outcome = await shorter.finished();
    expect(outcome.state.stages['train']).toMatchObject({ attempts: 5, reason: 'fell back from ascend to nvidia' });
    expect(outcome.state.gates).toEqual({});
  });
});
