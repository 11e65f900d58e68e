import { readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { pidExists } from '../../src/client/home.js';
import { isLive, type RunState } from '../../src/domain/run-state.js';
import type { RunSpecInput } from '../../src/domain/spec.js';
import { startStack, startsByKey, until, type Stack, type WorkerProcess } from '../support/stack.js';

const PIPELINES = fileURLToPath(new URL('../support/own-pipelines.mjs', import.meta.url));

let stack: Stack;
let worker: WorkerProcess;
beforeAll(async () => {
  stack = await startStack();
  worker = await stack.startWorker({ pipelines: PIPELINES });
}, 180_000);
afterAll(async () => {
  await worker?.drain();
  await stack?.stop();
});
beforeEach(async () => {
  for (const end of ['', '.when', '.inputs']) await rm(stack.records + end, { force: true });
});

const spec = (pipeline: string, change: Partial<RunSpecInput> = {}): RunSpecInput => ({ schema: 'modelferry.run/1', pipeline, model: 'tiny', version: '1', ...change });
const fanOut = (items: string[], limit = 2): RunSpecInput => spec('fanOut', { params: { items, limit } });
const decide = (run: WorkflowHandle, decision: object): Promise<unknown> => run.executeUpdate('decide', { args: [{ approver: 'demo-manager', reason: 'because', ...decision }] });
const latest = (id: string): WorkflowHandle => stack.client.workflow.getHandle(id);
const result = async (id: string): Promise<RunState> => ((await latest(id).result()) as { state: RunState }).state;
const waitsAt = (gate: string) => (state: RunState): boolean => state.gates[gate] !== undefined && state.gates[gate]?.outcome === undefined;

/** How many jobs of a stage were alive at once, by their own account. */
async function mostAtOnce(stage: string): Promise<number> {
  let now = 0;
  let most = 0;
  for (const line of (await readFile(`${stack.records}.when`, 'utf8')).split('\n')) {
    if (line.startsWith(`+ ${stage}`)) now += 1;
    if (line.startsWith(`- ${stage}`)) now -= 1;
    most = Math.max(most, now);
  }
  return most;
}

const starts = async (): Promise<Record<string, number>> => Object.fromEntries(Object.entries(await startsByKey(stack.records)).map(([key, count]) => [key.split('.').slice(1).join('.'), count]));

describe('a fan-out', () => {
  it('takes each item once, no more at a time than it may, and hands all of them on', async () => {
    await stack.startRun('five', fanOut(['a', 'b', 'c', 'd', 'e']));
    const parked = await until(latest('five'), waitsAt('approve'));
    expect(parked.order).toEqual(['prepare', 'evaluate-a', 'evaluate-b', 'evaluate-c', 'evaluate-d', 'evaluate-e', 'summarise', 'approve']);
    expect(await starts()).toEqual({ 'prepare.r1.a1': 1, 'evaluate-a.r1.a1': 1, 'evaluate-b.r1.a1': 1, 'evaluate-c.r1.a1': 1, 'evaluate-d.r1.a1': 1, 'evaluate-e.r1.a1': 1, 'summarise.r1.a1': 1 });
    expect(await mostAtOnce('evaluate')).toBe(2);
    // Each item had its own parameters, so each made something else; and what it is stands with it.
    const made = ['a', 'b', 'c', 'd', 'e'].map((item) => parked.stages[`evaluate-${item}`]?.outputs['score']);
    expect(new Set(made.map((ref) => ref?.digest)).size).toBe(5);
    expect(made[0]).toMatchObject({ kind: 'evaluation', annotations: { layout: 'text' } });
    expect((await readFile(`${stack.records}.inputs`, 'utf8')).trim().split('\n')).toEqual(['A', 'B', 'C', 'D', 'E'].map((item) => `FERRY_INPUT_SCORE_${item}`));
    await decide(latest('five'), { verdict: 'approve' });
    expect((await result('five')).status).toBe('completed');
  });

  it('asks about the item that failed while the others go on, and repeats that one alone', async () => {
    await stack.startRun('one-bad', fanOut(['bad', 'b', 'c'], 3));
    const asked = await until(latest('one-bad'), (s) => waitsAt('repair.evaluate-bad')(s) && s.stages['evaluate-c']?.state === 'done');
    expect(asked.stages['summarise']?.state).toBe('pending');
    await decide(latest('one-bad'), { gate: 'repair.evaluate-bad', verdict: 'change', set: { shots: 5 } });
    const parked = await until(latest('one-bad'), waitsAt('approve'));
    expect(parked.overrides).toEqual({ 'stages.evaluate.params.shots': 5 });
    expect(await starts()).toMatchObject({ 'evaluate-bad.r1.a1': 1, 'evaluate-bad.r1.a2': 1, 'evaluate-b.r1.a1': 1, 'evaluate-c.r1.a1': 1 });
    await decide(latest('one-bad'), { verdict: 'approve' });
    await result('one-bad');
  });

  it('ends the jobs of items that go on when a person sends the run back before them, and begins them anew', async () => {
    await stack.startRun('back', fanOut(['bad', 'slow'], 2));
    const asked = await until(latest('back'), (s) => waitsAt('repair.evaluate-bad')(s) && s.stages['evaluate-slow']?.state === 'running' && s.jobs.some((job) => job.stage === 'evaluate-slow' && job.handle !== undefined));
    const slow = asked.jobs.find((job) => job.stage === 'evaluate-slow');
    await decide(latest('back'), { gate: 'repair.evaluate-bad', verdict: 'send_back', to: 'prepare' });
    const again = await until(latest('back'), (s) => s.round === 2 && s.stages['evaluate-slow']?.state === 'running' && s.jobs.some((job) => job.round === 2 && job.stage === 'evaluate-slow' && isLive(job)));
    expect(again.jobs.find((job) => job.key === slow?.key)).toMatchObject({ state: 'cancelled', reason: 'the job was replaced' });
    expect(pidExists(slow?.handle?.pid ?? 0)).toBe(false);
    expect(await starts()).toMatchObject({ 'prepare.r1.a1': 1, 'prepare.r2.a1': 1, 'evaluate-slow.r1.a1': 1 });
    await latest('back').cancel();
    await expect(latest('back').result()).rejects.toThrow();
    expect((await until(latest('back'), (s) => s.status === 'cancelled')).jobs.filter(isLive)).toEqual([]);
  });

  it('voids what people are asked about other items when the run is sent back, and asks again', async () => {
    await stack.startRun('two-bad', fanOut(['a-bad', 'b-bad'], 2));
    await until(latest('two-bad'), (s) => waitsAt('repair.evaluate-a-bad')(s) && waitsAt('repair.evaluate-b-bad')(s));
    await decide(latest('two-bad'), { gate: 'repair.evaluate-a-bad', verdict: 'send_back', to: 'prepare' });
    const again = await until(latest('two-bad'), (s) => s.round === 2 && waitsAt('repair.evaluate-b-bad')(s) && s.gates['repair.evaluate-b-bad']?.round === 2);
    expect(again.gates['repair.evaluate-b-bad']?.opening).toBe(2);
    expect(again.stages['evaluate-b-bad']?.failure).toBeDefined();
    await latest('two-bad').terminate('the test is over');
  });

  it('leaves no job behind when a person stops the run at one item', async () => {
    await stack.startRun('stopped', fanOut(['bad', 'slow'], 2));
    const asked = await until(latest('stopped'), (s) => waitsAt('repair.evaluate-bad')(s) && s.jobs.some((job) => job.stage === 'evaluate-slow' && job.handle !== undefined));
    await decide(latest('stopped'), { gate: 'repair.evaluate-bad', verdict: 'stop' });
    await expect(latest('stopped').result()).rejects.toMatchObject({
      cause: { type: 'stopped', details: [{ stages: { 'evaluate-bad': { state: 'failed' }, 'evaluate-slow': { state: 'failed', reason: 'the run ended at evaluate-bad while this was under way' } } }] },
    });
    expect(pidExists(asked.jobs.find((job) => job.stage === 'evaluate-slow')?.handle?.pid ?? 0)).toBe(false);
  });

  it('comes to the same end when it continues as new at every wait, and when its worker is killed', async () => {
    const items = ['a', 'b', 'c'];
    await stack.startRun('plain', fanOut(items));
    await stack.startRun('continued', fanOut(items), { rehearsal: { continueAsNewAfterMs: 0 } });
    const stages = (state: RunState): unknown => state.order.map((name) => [name, state.stages[name]?.state, state.stages[name]?.attempts, Object.values(state.stages[name]?.outputs ?? {}).map(({ digest }) => digest)]);
    const plain = await until(latest('plain'), waitsAt('approve'));
    const continued = await until(latest('continued'), waitsAt('approve'), 120_000);
    expect(stages(continued)).toEqual(stages(plain));
    // Five jobs of each of the two runs.
    expect(Object.values(await startsByKey(stack.records))).toEqual(Array.from({ length: 10 }, () => 1));

    await rm(stack.records, { force: true });
    await stack.startRun('killed', fanOut(items));
    await until(latest('killed'), (s) => s.stages['evaluate-a']?.state === 'running' && s.jobs.some((job) => job.stage === 'evaluate-a' && job.handle !== undefined));
    await worker.kill9();
    worker = await stack.startWorker({ pipelines: PIPELINES });
    const killed = await until(latest('killed'), waitsAt('approve'), 120_000);
    expect(stages(killed)).toEqual(stages(plain));
    expect(Object.values(await starts())).toEqual([1, 1, 1, 1, 1]);
    for (const id of ['plain', 'continued', 'killed']) await decide(latest(id), { verdict: 'approve' });
    await Promise.all(['plain', 'continued', 'killed'].map(result));
  });

  it('takes no item of a list that is empty', async () => {
    await stack.startRun('none', fanOut([]));
    const parked = await until(latest('none'), waitsAt('repair.summarise'));
    expect(parked.stages['evaluate']).toMatchObject({ state: 'skipped', reason: 'there was nothing to take it for' });
    expect(parked.failure?.message).toContain('there is no scores for summarise to read');
    await latest('none').terminate('the test is over');
  });
});

describe('a pipeline of one\'s own', () => {
  it('may have stages side by side, ends when the last one has, and says which it did not take', async () => {
    await stack.startRun('side', spec('sideBySide'));
    const state = await result('side');
    expect(state.order.map((name) => state.stages[name]?.state)).toEqual(['done', 'done', 'done', 'skipped']);
    expect(state.stages['never']?.reason).toBe('the pipeline did not take it');
    const { left, right } = state.stages;
    expect(Date.parse(right?.startedAt ?? '')).toBeLessThan(Date.parse(left?.startedAt ?? ''));
    expect(Date.parse(right?.endedAt ?? '')).toBeGreaterThan(Date.parse(left?.startedAt ?? ''));
  });

  it('goes back at once from a stage that nobody waits for, and to one that has become its items since', async () => {
    await stack.startRun('unwatched', spec('unwatched', { params: { items: ['slow'], bad: true } }));
    const asked = await until(latest('unwatched'), (s) => waitsAt('repair.bad')(s) && s.jobs.some((job) => job.stage === 'evaluate-slow' && job.handle !== undefined));
    expect(asked.gates['repair.bad']?.stages).toEqual(['prepare', 'evaluate', 'bad']);
    await decide(latest('unwatched'), { gate: 'repair.bad', verdict: 'send_back', to: 'evaluate' });
    const again = await until(latest('unwatched'), (s) => s.jobs.some((job) => job.round === 2 && job.stage === 'evaluate-slow' && job.handle !== undefined), 15_000);
    expect(again.round).toBe(2);
    expect(again.jobs.find((job) => job.stage === 'evaluate-slow')).toMatchObject({ round: 1, state: 'cancelled' });
    expect(again.stages['prepare']?.round).toBe(1);
    await latest('unwatched').cancel();
    await expect(latest('unwatched').result()).rejects.toThrow();
  });

  it('has not ended before each item of a fan-out that nobody waits for has', async () => {
    await stack.startRun('unwaited', spec('unwatched', { params: { items: ['a', 'b', 'c'], bad: false } }));
    const state = await result('unwaited');
    expect(['a', 'b', 'c'].map((item) => state.stages[`evaluate-${item}`]?.state)).toEqual(['done', 'done', 'done']);
  });

  it('may have stages of code, which wait as runs wait', async () => {
    await stack.startRun('code', spec('codeOnly'), { rehearsal: { continueAsNewAfterMs: 0 } });
    const state = await result('code');
    expect(state.stages['pause']).toMatchObject({ state: 'done', figures: { waited: 'yes' } });
    expect(Date.parse(state.stages['pause']?.endedAt ?? '') - Date.parse(state.startedAt)).toBeGreaterThanOrEqual(1500);
  });

  it('is refused for a spec that names stages which it does not have', async () => {
    await stack.startRun('wrong', spec('codeOnly', { stages: { train: { job: { command: ['true'] } } } }));
    await expect(latest('wrong').result()).rejects.toMatchObject({ cause: { type: 'spec_invalid' } });
  });
});
