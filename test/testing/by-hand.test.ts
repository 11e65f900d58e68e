import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isLive } from '../../src/domain/run-state.js';
import type { Rehearsal } from '../../src/testing/index.js';
import { TEST_TOOLS_DIR } from '../support/temporal-server.js';
import { DAY_MS, RELEASE, TRAINING, rehearse } from './kit.js';

const HOUR_MS = 3_600_000;

let env: Rehearsal;
beforeAll(async () => {
  env = await rehearse();
}, 300_000);
afterAll(() => env?.close());

describe('a test that plays a part by hand', () => {
  it('approves by the signal that the Web UI would send, while time stands', async () => {
    const run = await env.start(RELEASE, { id: 'signalled' });
    await expect.poll(async () => {
      await env.sleep('10 minutes');
      return Object.keys((await run.state()).gates);
    }, { timeout: 20_000 }).toEqual(['approve']);
    const before = await env.now();
    await run.handle.signal('approve', { approver: 'demo-manager', reason: 'figures checked' });
    await expect.poll(async () => (await run.state()).gates['approve']?.outcome?.verdict, { timeout: 10_000 }).toBe('approve');
    expect((await env.now()).getTime() - before.getTime()).toBeLessThan(30_000);
    const { state, answers } = await run.finished();
    expect(state.status).toBe('completed');
    expect(answers).toEqual([]);
  });

  it('lets less time pass than a job needs, and finds it as far as its script is', async () => {
    const run = await env.start(TRAINING, { id: 'amid', script: { jobs: { train: [{ runs: '30 days', progress: [{ at: '5 days', step: 10 }, { at: '20 days', step: 20 }] }] } } });
    await expect.poll(async () => (await run.state()).jobs.filter(isLive).length, { timeout: 10_000 }).toBe(1);
    const from = await env.now();
    await env.sleep('7 days');
    const slept = (await env.now()).getTime() - from.getTime();
    expect(slept).toBeGreaterThanOrEqual(7 * DAY_MS);
    expect(slept).toBeLessThan(7 * DAY_MS + 60_000);
    expect((await run.state()).jobs.filter(isLive)).toHaveLength(1);
    const { state, tookMs } = await run.finished();
    expect(state.stages['train']?.figures).toMatchObject({ step: 20 });
    expect(Math.round(tookMs / HOUR_MS)).toBe(30 * 24);
  });

  it('cancels a run amid a job, of which nothing is alive then', async () => {
    const run = await env.start(TRAINING, { id: 'cancelled', script: { jobs: { train: [{ runs: '30 days' }] } } });
    await expect.poll(async () => (await run.state()).jobs.filter(isLive).length, { timeout: 10_000 }).toBe(1);
    await env.sleep('3 days');
    await run.handle.cancel();
    const { state, jobs, tookMs } = await run.finished();
    expect(state.status).toBe('cancelled');
    expect(state.jobs.filter(isLive)).toEqual([]);
    expect(jobs).toMatchObject([{ state: 'exited', exitCode: null, endedAt: expect.any(String) }]);
    expect(Math.round(tookMs / DAY_MS)).toBe(3);
    // The clock stands again, so that the next run of this rehearsal has its own time.
    const before = await env.now();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await env.now()).getTime() - before.getTime()).toBeLessThan(5000);
  });
});

describe('what a rehearsal prints', () => {
  /** A run that is rejected, in a process of its own: a process has one runtime, and vitest may have made it. */
  const rejected = async (log?: string): Promise<string> => {
    const kit = fileURLToPath(new URL('../../dist/testing/index.js', import.meta.url));
    const script = { gates: { approve: [{ verdict: 'reject', approver: 'demo-manager', reason: 'no' }] } };
    const program = `import { createRehearsal } from ${JSON.stringify(kit)};
      const env = await createRehearsal(${JSON.stringify({ toolsDir: TEST_TOOLS_DIR, log })});
      const run = await env.start(${JSON.stringify(RELEASE)}, ${JSON.stringify({ id: 'rejected', script })});
      const { state } = await run.finished();
      await env.close();
      process.exitCode = state.status === 'rejected' ? 0 : 1;`;
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], { timeout: 60_000 });
    return stdout + stderr;
  };

  it('is nothing, unless it is asked for more', async () => {
    expect(await rejected()).toBe('');
    expect(await rejected('warn')).toContain('No workflows registered');
  });
});
