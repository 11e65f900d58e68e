import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Executor } from '../../src/activities/jobs/executors/executor.js';
import { createExecutor } from '../../src/activities/jobs/executors/registry.js';
import { ExecutorKind, JobListing, type JobHandle } from '../../src/domain/job.js';
import { buildOnce, FOREVER, makePlace, requestFor, SAVE, startLines, submit, until } from './job-kit.js';
import type { Place } from './job-kit.js';

beforeAll(buildOnce, 90_000);

describe.each(ExecutorKind.options)('%s: executor contract, watching', (kind) => {
  let place: Place;
  let executor: Executor;
  const handles: JobHandle[] = [];
  const start = async (...args: [Parameters<typeof submit>[1], Record<string, string>?]): Promise<JobHandle> => {
    const handle = await submit(executor, ...args);
    handles.push(handle);
    return handle;
  };

  beforeEach(() => {
    place = makePlace();
    executor = createExecutor(kind, place);
  });
  afterEach(async () => {
    for (const handle of handles.splice(0)) await executor.cancel(handle, { reason: 'orphaned', graceMs: 0 });
    place.remove();
  });

  it('shows progress, its rate and the log', async () => {
    const script = `${SAVE} console.log('first'); console.error('\\u001b[31msecond'); let s = 0; setInterval(() => { s += 10; say({ step: s, total: 1000, metrics: { loss: 1 / s } }); if (s === 10) fs.appendFileSync(process.env.FERRY_PROGRESS_FILE, 'garbage\\n'); }, 100);`;
    const handle = await start(requestFor(script));
    const seen = await until('a rate', async () => {
      const now = await executor.observe(handle);
      return now.progress?.stepsPerSecond !== undefined && now.progress.stepsPerSecond > 0 && now;
    });
    expect(seen.progress).toMatchObject({ total: 1000, metrics: { loss: expect.any(Number) as unknown } });
    expect(await executor.tail(handle, 10)).toEqual({ lines: ['first', 'second'], lineCount: 2 });
  });

  it('lists jobs by run, whatever else lies about', async () => {
    mkdirSync(join(place.jobsRoot, 'half', 'made', 'dir'), { recursive: true });
    const request = requestFor(FOREVER);
    const handle = await start(request);
    await start(requestFor('', { run: 'other' }));
    await until('it starts', () => startLines(handle).length === 1);
    const listed = await executor.list({ run: 'demo' });
    expect(listed).toHaveLength(1);
    expect(JobListing.parse(listed[0])).toMatchObject({ key: request.key, handle, state: 'running', starts: 1 });
    expect(await executor.list()).toHaveLength(2);
  });

  it('lists the jobs of its own executor alone, where two share a root', async () => {
    const other = createExecutor(kind, { ...place, executorId: 'there' });
    const mine = requestFor(FOREVER);
    const theirs = requestFor(FOREVER, { executor: 'there' });
    await start(mine);
    handles.push(await submit(other, theirs));
    expect((await executor.list()).map((job) => job.key)).toEqual([mine.key]);
    expect((await other.list()).map((job) => job.key)).toEqual([theirs.key]);
  });

  it('tells of a damaged job directory, and lists the others', async () => {
    const handle = await start(requestFor(FOREVER));
    const damaged = join(place.jobsRoot, 'uid-damaged/train/uid-damaged.train.r1.a1');
    mkdirSync(damaged, { recursive: true });
    writeFileSync(join(damaged, 'job.json'), '{"schema":');
    const told: string[] = [];
    expect((await executor.list({}, (jobDir) => told.push(jobDir))).map((job) => job.key)).toEqual([handle.key]);
    expect(told).toEqual([damaged]);
  });

  it('knows that it does not reach a process of another host', async () => {
    const handle = await start(requestFor(FOREVER));
    expect(executor.reaches(handle)).toBe(true);
    expect(executor.reaches({ ...handle, hostId: 'another-host' })).toBe(false);
  });
});
