import { access, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pidExists } from '../../src/client/home.js';
import type { RunState } from '../../src/domain/run-state.js';
import type { RunSpecInput } from '../../src/domain/spec.js';
import type { SweepResult } from '../../src/domain/sweep.js';
import { shellJob, startStack, startsByKey, until, type Stack, type WorkerProcess } from '../support/stack.js';

let stack: Stack;
let worker: WorkerProcess;
beforeAll(async () => {
  stack = await startStack();
  worker = await stack.startWorker();
}, 180_000);
afterAll(async () => {
  await worker?.drain();
  await stack?.stop();
});

const training = (script: string, extra: Record<string, unknown> = {}): RunSpecInput => ({ schema: 'modelferry.run/1', model: 'tiny', version: '1', stages: { train: { attempts: [shellJob(script, extra)] } } });

/** Every process that carries a job's key in its environment, whoever its parent is. */
async function processesOf(key: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const environments = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')));
  return pids.filter((_, i) => environments[i]?.split('\0').includes(`FERRY_JOB_KEY=${key}`)).map(Number);
}

/** Saves a checkpoint when it is told to stop, then goes on for as long as it is let. */
const STUBBORN = `
saved() { mkdir -p "$FERRY_CHECKPOINT_DIR/7"; echo weights > "$FERRY_CHECKPOINT_DIR/7/model"; echo "{\\"checkpoint\\":{\\"step\\":7,\\"path\\":\\"$FERRY_CHECKPOINT_DIR/7\\"}}" >> "$FERRY_PROGRESS_FILE"; echo term >> "$RECORDS.term"; }
trap saved TERM
sleep 300 & echo $! > "$RECORDS.child"
# The stop reaches the sleeps too, and -e must not take that for a failure.
while true; do sleep 0.2 || true; done`;

describe('cancel', () => {
  it('sends SIGTERM, waits for the grace, then kills; the checkpoint is kept and nothing is left', async () => {
    const run = await stack.startRun('cancelled', training(STUBBORN, { grace: '2 seconds' }));
    const before = await until(run, (s) => s.jobs[0]?.handle !== undefined);
    const handle = before.jobs[0]?.handle;
    await delay(1000);
    const child = Number(await readFile(`${stack.records}.child`, 'utf8'));
    expect(await processesOf(handle?.key ?? '')).toEqual(expect.arrayContaining([handle?.pid, child]));
    const from = Date.now();
    await run.cancel();
    await expect(run.result()).rejects.toThrow(WorkflowFailedError);
    expect(Date.now() - from).toBeGreaterThan(1900);
    expect((await run.describe()).status.name).toBe('CANCELLED');
    expect(pidExists(handle?.pid ?? 0)).toBe(false);
    expect(pidExists(child)).toBe(false);
    expect(await processesOf(handle?.key ?? '')).toEqual([]);
    expect(await readFile(`${stack.records}.term`, 'utf8')).toBe('term\n');
    const state = await run.query<RunState, []>('state');
    expect(state).toMatchObject({ status: 'cancelled', jobs: [{ state: 'cancelled', checkpoint: { step: 7 } }] });
    await access(`${state.jobs[0]?.checkpoint?.path}`);
  });

  it('of a run whose worker died while it submitted leaves nothing alive, whichever comes first: the stop or the next try', async () => {
    await worker.drain();
    const run = await stack.startRun('cancelled-early', training('sleep 100'));
    const doomed = await stack.startWorker({ dieAt: 'before_spawn' });
    await doomed.ended;
    await run.cancel();
    worker = await stack.startWorker();
    await expect(run.result()).rejects.toThrow(WorkflowFailedError);
    await delay(1500);
    const { jobs } = await stack.client.workflow.execute<(request: unknown) => Promise<SweepResult>>('sweepJobs', { workflowId: 'list', taskQueue: 'ferry', args: [{ dryRun: true, listOnly: true }] });
    // The listing sees jobs at all: that of the test before, and this one, which was written down before the worker died.
    expect(jobs.find((job) => job.run === 'cancelled')?.state).toBe('exited');
    const key = `${run.runUid}.train.r1.a1`;
    const jobDir = join(stack.home, 'jobs', run.runUid, 'train', key);
    const listed = jobs.find((job) => job.key === key);
    expect(listed?.run).toBe('cancelled-early');
    // Nobody has claimed it, then it can't start any more; or it was claimed, then it has ended.
    if (listed?.handle === undefined) expect(JSON.parse(await readFile(join(jobDir, 'stop.json'), 'utf8'))).toMatchObject({ reason: 'cancelled' });
    else expect(listed.state).toBe('exited');
    expect(await processesOf(key)).toEqual([]);
    const starts = (await readFile(join(jobDir, 'starts.jsonl'), 'utf8').catch(() => '')).split('\n').length - 1;
    expect(starts).toBeLessThanOrEqual(1);
    expect((await startsByKey(stack.records))[key] ?? 0).toBeLessThanOrEqual(starts);
  });
});

describe('terminate', () => {
  it('runs no clean-up, and the sweep ends what is left: only that', async () => {
    const doomed = await stack.startRun('terminated', training('while true; do sleep 0.2; done', { grace: '1 second' }));
    const kept = await stack.startRun('kept', training('while true; do sleep 0.2; done', { grace: '1 second' }));
    const [doomedState, keptState] = [await until(doomed, (s) => s.jobs[0]?.handle !== undefined), await until(kept, (s) => s.jobs[0]?.handle !== undefined)];
    const [doomedPid, keptPid] = [doomedState.jobs[0]?.handle?.pid ?? 0, keptState.jobs[0]?.handle?.pid ?? 0];
    await doomed.terminate('test');
    await delay(500);
    expect(pidExists(doomedPid)).toBe(true);

    const sweep = async (dryRun: boolean): Promise<SweepResult> => await stack.client.workflow.execute('sweepJobs', { workflowId: `gc-${dryRun}`, taskQueue: 'ferry', args: [{ dryRun, listOnly: false }] });
    const dry = await sweep(true);
    expect(dry.ended.map((job) => job.run)).toEqual(['terminated']);
    expect(pidExists(doomedPid)).toBe(true);

    const schedules = [];
    for await (const schedule of stack.client.schedule.list()) schedules.push(schedule.scheduleId);
    expect(schedules).toHaveLength(1);
    await stack.client.schedule.getHandle(schedules[0] ?? '').trigger();
    for (let i = 0; i < 100 && pidExists(doomedPid); i++) await delay(200);
    expect(pidExists(doomedPid)).toBe(false);
    expect(pidExists(keptPid)).toBe(true);
    await kept.cancel();
    await expect(kept.result()).rejects.toThrow(WorkflowFailedError);
  });
});
