import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createExecutor } from '../../../src/activities/jobs/executors/registry.js';
import { jobKey } from '../../../src/domain/ids.js';
import type { CheckpointRecord } from '../../../src/domain/job.js';
import { chooseResume, CheckpointPublisher, resumeCandidates } from '../../../src/engines/jobs/checkpoints.js';
import { freezeJobRecord, isFenced, jobPaths, raiseEpoch } from '../../../src/engines/jobs/job-dir.js';
import type { JobRecord } from '../../../src/engines/jobs/job-dir.js';
import { makePlace, requestFor } from '../../contract/job-kit.js';
import type { Place } from '../../contract/job-kit.js';

describe('the chain of checkpoints that an attempt may resume from', () => {
  let place: Place;
  beforeEach(() => {
    place = makePlace();
  });
  afterEach(() => place.remove());

  /** What a submission leaves of an attempt, without its processes. */
  async function attempt(number: number, round = 1): Promise<{ jobDir: string; record: JobRecord }> {
    const { jobDir, plan } = createExecutor('local', place).render(requestFor('', { runUid: 'uid-chain', attempt: number, round, keepCheckpoints: 2 }));
    raiseEpoch(jobDir, plan.identity);
    const candidates = resumeCandidates(place.jobsRoot, plan.identity, (earlier) => jobKey({ ...plan.identity, attempt: earlier }));
    const record: JobRecord = { ...plan, ...(await chooseResume(candidates, undefined)), submittedAt: new Date().toISOString() };
    freezeJobRecord(jobDir, record);
    mkdirSync(jobPaths(jobDir).ownCheckpoints, { recursive: true });
    return { jobDir, record };
  }
  async function save({ jobDir, record }: { jobDir: string; record: JobRecord }, step: number, name = `s${step}.pt`): Promise<CheckpointRecord | undefined> {
    writeFileSync(join(jobPaths(jobDir).ownCheckpoints, name), `weights ${step}`);
    return new CheckpointPublisher(jobDir, record).publish({ step, path: name });
  }

  it('gives a file back for an announced file', async () => {
    const first = await attempt(1);
    const saved = await save(first, 10);
    expect(saved?.path).toMatch(/r1\.a1-10\/data\/s10\.pt$/);
    const second = await attempt(2);
    expect(second.record.resume).toEqual(saved);
  });

  it('goes on through an attempt that saved nothing', async () => {
    const first = await attempt(1);
    const saved = await save(first, 10);
    await attempt(2);
    expect((await attempt(3)).record.resume).toEqual(saved);
  });

  it('ignores what a fenced attempt puts there too late', async () => {
    const first = await attempt(1);
    await save(first, 10);
    const second = await attempt(2);
    expect(await save(first, 20)).toBeUndefined();
    // Even one that slipped through between the look at the epoch and the rename is in nobody's chain.
    rmSync(join(jobPaths(first.jobDir).epochs, 'r1.a2'));
    expect(await save(first, 30)).toBeDefined();
    raiseEpoch(second.jobDir, second.record.identity);
    expect((await attempt(3)).record.resume?.step).toBe(10);
  });

  it('names a checkpoint that is gone when nothing else is left', async () => {
    const first = await attempt(1);
    const saved = await save(first, 10);
    rmSync(join(saved?.path ?? '', '../..'), { recursive: true });
    await attempt(2);
    // Gone before the second attempt looked, it is not even listed.
    expect((await attempt(3)).record).toMatchObject({ passedOver: [], candidates: [] });
    const again = await chooseResume([saved as CheckpointRecord], undefined);
    expect(again).toEqual({ candidates: [], passedOver: ['step 10 of attempt 1: it is no longer there'] });
  });

  it('keeps a published copy whole when the program writes its file anew in place', async () => {
    const first = await attempt(1);
    const one = await save(first, 1, 'latest.pt');
    const two = await save(first, 2, 'latest.pt');
    const choice = await chooseResume([two, one].filter((record) => record !== undefined), undefined);
    expect(choice).toMatchObject({ resume: { step: 2 }, passedOver: [] });
    expect((await chooseResume([one as CheckpointRecord], undefined)).passedOver).toEqual([]);
  });

  it('takes the newer content when a step is announced again', async () => {
    const first = await attempt(1);
    const one = await save(first, 1);
    writeFileSync(join(jobPaths(first.jobDir).ownCheckpoints, 'other.pt'), 'better');
    const two = await new CheckpointPublisher(first.jobDir, first.record).publish({ step: 1, path: 'other.pt' });
    expect(two?.digest).not.toBe(one?.digest);
    expect((await attempt(2)).record.resume).toEqual(two);
  });

  it('never lets the epoch go back', async () => {
    const second = await attempt(2);
    const first = await attempt(1);
    expect(isFenced(first.jobDir, first.record.identity)).toBe(true);
    expect(isFenced(second.jobDir, second.record.identity)).toBe(false);
    const nextRound = await attempt(1, 2);
    expect(isFenced(second.jobDir, second.record.identity)).toBe(true);
    expect(isFenced(nextRound.jobDir, nextRound.record.identity)).toBe(false);
  });
});
