import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, it } from 'vitest';
import type { ArtifactStore } from '../../src/activities/artifacts/stores/store.js';
import type { JobObservation, JobRequest } from '../../src/domain/job.js';
import { ScriptInUse } from '../../src/testing/script.js';
import { ScriptedExecutor } from '../../src/testing/scripted-executor.js';

const REQUEST: JobRequest = { key: 'u.train.r1.a1', run: 'r', runUid: 'u', stage: 'train', round: 1, attempt: 1, backend: 'ascend', simulated: true, executor: 'local', command: ['no-such-program'], env: {}, params: {}, inputs: {}, outputs: {}, graceMs: 0, keepCheckpoints: 1 };

/** Time stands: a sleep ends with its signal alone, and takes its hold on time again a little later, as the server's answer would have it. */
class StandingTime {
  asleep = 0;
  now = (): Promise<number> => Promise.resolve(0);
  sleepUntil = async (_atMs: number, { signal }: { signal?: AbortSignal } = {}): Promise<boolean> => {
    this.asleep += 1;
    await new Promise((resolve) => signal?.addEventListener('abort', resolve, { once: true }));
    await new Promise((resolve) => setTimeout(resolve, 20));
    this.asleep -= 1;
    return false;
  };
}

describe('the watch of a closed execution', () => {
  it('holds time again once its execution has been left, and never sleeps after that', async () => {
    const clock = new StandingTime();
    const run = { script: new ScriptInUse({ jobs: { train: [{ runs: '1 day' }] } }), horizonMs: 1, fail: (problem: Error) => { throw problem; } };
    const executor = new ScriptedExecutor({ executorId: 'local', kind: 'local', clock, store: { files: () => Promise.resolve([]) } as unknown as ArtifactStore, keep: () => Promise.reject(new Error('nothing is kept here')), runOf: () => run });
    const handle = await executor.submit(executor.render(REQUEST), REQUEST);
    const watch = (runId: string): Promise<JobObservation> => new MockActivityEnvironment({ workflowExecution: { workflowId: 'r', runId } }).run(() => executor.observe(handle, {}));
    const watches = [watch('closed'), watch('newer')];
    await expect.poll(() => clock.asleep).toBe(2);
    await executor.leave('closed');
    expect(clock.asleep).toBe(1);
    watches.push(watch('closed'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(clock.asleep).toBe(1);
    // They wait for the job's end or their own cancellation; a watch that was answered would ask again at once.
    await executor.cancel(handle, { reason: 'cancelled', graceMs: 0 });
    expect((await Promise.all(watches)).map(({ state }) => state)).toEqual(['exited', 'exited', 'exited']);
  });
});
