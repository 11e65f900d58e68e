import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunSpecInput } from '../../src/domain/spec.js';
import { makes, shellJob, startStack, startsByKey, stateOf, until, type Stack } from '../support/stack.js';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
}, 180_000);
afterAll(async () => {
  await stack?.stop();
});

const training = (script: string, extra: Record<string, unknown> = {}): RunSpecInput => ({
  schema: 'modelferry.run/1',
  model: 'tiny',
  version: '1',
  stages: { train: { attempts: [shellJob(script, extra)] } },
});

/** Both accounts of a run's starts: the job program's own, and the wrapper's records. */
async function expectOneStart(key: string, starts: number | undefined): Promise<void> {
  expect((await startsByKey(stack.records))[key]).toBe(1);
  expect(starts).toBe(1);
}

describe('one job a key, whatever dies when', () => {
  it.each(['before_record', 'before_spawn', 'after_spawn', 'after_claim'])('a worker killed at %s of a submit leaves exactly one start, and the run completes', async (step) => {
    const doomed = await stack.startWorker({ dieAt: step });
    const run = await stack.startRun(`submit-${step.replace('_', '-')}`, training(`sleep 1; ${makes('checkpoint')}`));
    expect(await doomed.ended).toMatchObject({ signal: 'SIGKILL' });
    const next = await stack.startWorker();
    const state = await until(run, (s) => s.status === 'completed');
    expect(state.jobs).toHaveLength(1);
    await expectOneStart(state.jobs[0]?.key ?? '', state.jobs[0]?.starts);
    await next.drain();
  });

  it('a worker killed 20 times at random during one job: one start, one finish, the run completes', async () => {
    let worker = await stack.startWorker();
    const run = await stack.startRun('killed-20-times', training(`i=0; while [ ! -e "$RECORDS.finish" ]; do i=$((i+1)); echo "{\\"step\\":$i}" >> "$FERRY_PROGRESS_FILE"; sleep 0.2; done; echo finished >> "$RECORDS.finished"; ${makes('checkpoint')}`));
    await until(run, (s) => s.jobs[0]?.handle !== undefined);
    const pid = (await stateOf(run)).jobs[0]?.handle?.pid;
    for (let kill = 0; kill < 20; kill++) {
      await delay(Math.random() * 1500);
      await worker.kill9();
      worker = await stack.startWorker();
    }
    expect(() => process.kill(pid ?? 0, 0)).not.toThrow();
    const { writeFile, readFile } = await import('node:fs/promises');
    await writeFile(`${stack.records}.finish`, '');
    const state = await until(run, (s) => s.status === 'completed');
    expect(state.jobs).toHaveLength(1);
    expect(state.jobs[0]?.handle?.pid).toBe(pid);
    await expectOneStart(state.jobs[0]?.key ?? '', state.jobs[0]?.starts);
    expect(await readFile(`${stack.records}.finished`, 'utf8')).toBe('finished\n');
    await worker.drain();
  }, 240_000);

  it('the Temporal server killed and restarted on its database in mid-job: one start, the same process, the run completes', async () => {
    const worker = await stack.startWorker();
    const run = await stack.startRun('server-killed', training(`while [ ! -e "$RECORDS.go" ]; do sleep 0.2; done; ${makes('checkpoint')}`));
    const before = await until(run, (s) => s.jobs[0]?.handle !== undefined);
    await stack.server.kill9();
    await delay(2000);
    await stack.server.restart();
    const { writeFile } = await import('node:fs/promises');
    await writeFile(`${stack.records}.go`, '');
    const state = await until(run, (s) => s.status === 'completed', 120_000);
    expect(state.jobs[0]?.handle?.pid).toBe(before.jobs[0]?.handle?.pid);
    await expectOneStart(state.jobs[0]?.key ?? '', state.jobs[0]?.starts);
    await worker.drain();
  }, 240_000);

  it('the same key submitted again after the job has ended does not run it again', async () => {
    const doomed = await stack.startWorker({ dieAt: 'after_claim' });
    const run = await stack.startRun('ended-unseen', training(makes('checkpoint')));
    await doomed.ended;
    // The job ends while no worker lives that could have seen it.
    await delay(2000);
    const worker = await stack.startWorker();
    const state = await until(run, (s) => s.status === 'completed');
    await expectOneStart(state.jobs[0]?.key ?? '', state.jobs[0]?.starts);
    await worker.drain();
  });
});

describe('a deploy', () => {
  it('SIGTERM drains the worker in seconds, the job is not touched, and another worker goes on with it', async () => {
    const first = await stack.startWorker();
    const run = await stack.startRun('deploy', training(`trap 'echo told-to-stop >> "$RECORDS.signals"' TERM; i=0; while [ $i -lt 40 ]; do i=$((i+1)); sleep 0.2; done; ${makes('checkpoint')}`));
    const before = await until(run, (s) => s.jobs[0]?.handle !== undefined);
    const seconds = await first.drain();
    expect((await first.ended).code).toBe(0);
    expect(seconds).toBeLessThan(8);
    const pid = before.jobs[0]?.handle?.pid ?? 0;
    expect(() => process.kill(pid, 0)).not.toThrow();
    const second = await stack.startWorker();
    const state = await until(run, (s) => s.status === 'completed');
    await expectOneStart(state.jobs[0]?.key ?? '', state.jobs[0]?.starts);
    const { access } = await import('node:fs/promises');
    await expect(access(`${stack.records}.signals`)).rejects.toThrow();
    await second.drain();
  });
});
