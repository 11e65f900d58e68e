import { join } from 'node:path';
import type { JobListing } from '../../domain/job.js';
import { handleOf, namesIn, readClaim, readJobRecord } from './job-dir.js';
import { observeJob } from './observe.js';

/** Which jobs of a jobs' folder are meant; what is left out matches any. */
export interface JobFilter {
  run?: string;
  runUid?: string;
  executor?: string;
}

/** Hears of a job directory that can't be read: its job is in no list, so nobody would look after it. */
export type OnDamaged = (jobDir: string, why: string) => void;

/** Every job that was submitted below a root. Directories without a record are none yet, or none any more. */
export function listJobs(jobsRoot: string, filter: JobFilter = {}, onDamaged?: OnDamaged): JobListing[] {
  const jobs: JobListing[] = [];
  for (const runUid of namesIn(jobsRoot)) {
    if (filter.runUid !== undefined && filter.runUid !== runUid) continue;
    for (const stage of namesIn(join(jobsRoot, runUid))) {
      for (const key of namesIn(join(jobsRoot, runUid, stage))) {
        const listing = listJob(join(jobsRoot, runUid, stage, key), onDamaged);
        if (listing && matches(listing, filter)) jobs.push(listing);
      }
    }
  }
  return jobs;
}

const matches = (job: JobListing, { run, executor }: JobFilter): boolean => (run === undefined || run === job.run) && (executor === undefined || executor === job.executor);

function listJob(jobDir: string, onDamaged: OnDamaged | undefined): JobListing | undefined {
  try {
    const record = readJobRecord(jobDir);
    if (record === undefined) return undefined;
    if (record.schema !== 'modelferry.job/1') throw new TypeError(`job.json is of the schema ${JSON.stringify(record.schema)}`);
    const claim = readClaim(jobDir);
    const { state, starts, exit } = observeJob({ jobDir });
    return {
      ...record.identity,
      executor: record.executor,
      backend: record.backend,
      simulated: record.simulated,
      ...(claim && { handle: handleOf(record, jobDir, claim) }),
      state,
      starts,
      submittedAt: record.submittedAt,
      ...(exit && { endedAt: exit.endedAt }),
    };
  } catch (error) {
    // One damaged directory must not hide all the others from a sweep.
    onDamaged?.(jobDir, error instanceof Error ? error.message : String(error));
    return undefined;
  }
}
