import { describe, expect, it } from 'vitest';
import { renderSweep, renderSweepTrouble } from '../../../src/cli/render/sweep.js';
import type { JobListing } from '../../../src/domain/job.js';
import { RUN_UID, at } from './kit.js';

const JOB: JobListing = { key: `${RUN_UID}.train.r1.a1`, run: 'tiny-v1', runUid: RUN_UID, stage: 'train', round: 1, attempt: 1, executor: 'local', backend: 'cpu', simulated: false, state: 'running', starts: 1, submittedAt: at(0) };

describe('what ferry gc tells', () => {
  it('is that nothing was to do, where every job could be seen', () => {
    expect(renderSweep({ jobs: [JOB], ended: [] }, false)).toEqual(['Every live job belongs to a live run.']);
    expect(renderSweepTrouble({ jobs: [JOB], ended: [] })).toEqual([]);
  });

  it('is each job that was ended, or would be', () => {
    expect(renderSweep({ jobs: [JOB], ended: [JOB] }, false)).toEqual(['Ended:', expect.stringContaining('RUN'), expect.stringContaining('tiny-v1')]);
    expect(renderSweep({ jobs: [JOB], ended: [JOB] }, true)[0]).toBe('Would end:');
  });

  it('is each job that could not be ended, with the reason on one line, and never that all is well', () => {
    const swept = { jobs: [JOB], ended: [], failed: [{ job: JOB, reason: 'no such host\n\u001b[31mred' }] };
    expect(renderSweep(swept, false)).toEqual(['No job was ended.']);
    expect(renderSweepTrouble(swept)).toEqual([`not ended: ${JOB.key}: no such host [31mred`]);
  });

  it('claims nothing of jobs whose directory can not be read', () => {
    expect(renderSweep({ jobs: [], ended: [], damaged: 2 }, false)).toEqual(['Every live job that can be seen belongs to a live run.']);
    expect(renderSweepTrouble({ jobs: [], ended: [], damaged: 2 })).toEqual(["2 job directories can't be read, and the jobs in there are not seen; the worker's log names them"]);
  });
});
