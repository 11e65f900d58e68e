import { describe, expect, it } from 'vitest';
import { APPROVAL_GATE_ID, RunId, RunUid, WORKFLOW_QUEUE, executorQueue, jobKey, localQueue, parseJobKey, repairGateId, sweepScheduleId, sweepWorkflowId } from '../../src/domain/ids.js';
import { RELEASE_MODEL, SWEEP_JOBS } from '../../src/domain/names.js';
import { STAGE_NAMES } from '../../src/domain/stage.js';

describe('the names that running workflows depend on', () => {
  it('never change', () => {
    expect(WORKFLOW_QUEUE).toBe('ferry');
    expect(executorQueue('slurm-a')).toBe('ferry.exec.slurm-a');
    expect(localQueue('h1')).toBe('ferry.local.h1');
    expect(RELEASE_MODEL).toBe('releaseModel');
    expect(SWEEP_JOBS).toBe('sweepJobs');
    expect(APPROVAL_GATE_ID).toBe('approve');
    expect(repairGateId('train')).toBe('repair.train');
    expect(sweepScheduleId('ferry.local.h1')).toBe('ferry-sweep.ferry.local.h1');
    expect(sweepWorkflowId('ferry.local.h1')).toBe('ferry-sweep.ferry.local.h1.run');
  });
});

describe('a job\'s key', () => {
  it('is made of its parts, and gives them back', () => {
    const id = { runUid: 'uid-0001', stage: 'validateOnAscend', round: 2, attempt: 13 };
    expect(jobKey(id)).toBe('uid-0001.validateOnAscend.r2.a13');
    expect(parseJobKey(jobKey(id))).toEqual(id);
  });

  it('is a file name for every stage, and its own for every round and attempt', () => {
    const keys = STAGE_NAMES.flatMap((stage) => [1, 2, 11].flatMap((round) => [1, 2, 11].map((attempt) => jobKey({ runUid: 'uid-0001', stage, round, attempt }))));
    expect(new Set(keys).size).toBe(keys.length);
    for (const key of keys) expect(key).toMatch(/^[A-Za-z0-9.-]{1,100}$/);
  });

  it.each(['', 'uid-0001', 'uid-0001.train.r1', 'uid-0001.train.r1.a1.x', '../x.train.r1.a1', 'uid-0001.train.rx.a1', 'ferry-sweep.ferry.local.h1.run'])('is not %j', (text) => {
    expect(parseJobKey(text)).toBeUndefined();
  });
});

describe('the id of a run', () => {
  it.each(['tiny-1', 'a', 'A.b_c-9', 'x'.repeat(100)])('may be %s', (id) => {
    expect(RunId.safeParse(id).success).toBe(true);
  });

  it.each(['', '.', '..', '-rf', 'a/b', 'a b', 'a\n', 'a`b', '模型', 'x'.repeat(101)])('may not be %j', (id) => {
    expect(RunId.safeParse(id).success).toBe(false);
  });

  it('is told apart by a uid that fits into a key', () => {
    expect(RunUid.safeParse('0123abcd').success).toBe(true);
    for (const uid of ['short', 'Has.Dots', '../../etc', 'x'.repeat(41)]) expect(RunUid.safeParse(uid).success).toBe(false);
  });
});
