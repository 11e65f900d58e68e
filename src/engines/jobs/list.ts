import { join } from 'node:path';
import type { JobListing } from '../../domain/job.js';
import { handleOf, namesIn, readClaim, readJobRecord } from './job-dir.js';
import { observeJob } from './observe.js';

export interface JobFilter {
  run?: string;
  runUid?: string;
}

/** Every job that was submitted below a root. Directories without a record are none yet, or none any more. */
export function listJobs(jobsRoot: string, filter: JobFilter = {}): JobListing[] {
  const jobs: JobListing[] = [];
  for (const runUid of namesIn(jobsRoot)) {
    if (filter.runUid !== undefined && filter.runUid !== runUid) continue;
    for (const stage of namesIn(join(jobsRoot, runUid))) {
      for (const key of namesIn(join(jobsRoot, runUid, stage))) {
        const listing = listJob(join(jobsRoot, runUid, stage, key));
        if (listing && (filter.run === undefined || filter.run === listing.run)) jobs.push(listing);
      }
    }
  }
  return jobs;
}

function listJob(jobDir: string): JobListing | undefined {
  try {
    const record = readJobRecord(jobDir);
    if (record?.schema !== 'modelferry.job/1') return undefined;
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
  } catch {
    // One damaged directory must not hide all the others from a sweep.
    return undefined;
  }
}
