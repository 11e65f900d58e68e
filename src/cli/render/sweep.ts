import type { SweepResult } from '../../domain/sweep.js';
import { oneLine } from '../../domain/text.js';
import { jobRows, listingRow } from './jobs.js';

const MAX_REASON = 400;

/** What a sweep did, as lines. It claims that nothing is left only where it could see every job. */
export function renderSweep({ ended, damaged = 0, failed = [] }: SweepResult, dryRun: boolean): string[] {
  if (ended.length > 0) return [dryRun ? 'Would end:' : 'Ended:', ...jobRows(ended.map(listingRow))];
  if (failed.length > 0) return ['No job was ended.'];
  return [damaged > 0 ? 'Every live job that can be seen belongs to a live run.' : 'Every live job belongs to a live run.'];
}

/** What a sweep could not do, as lines for stderr. */
export function renderSweepTrouble({ damaged = 0, failed = [] }: SweepResult): string[] {
  const unseen = damaged === 0 ? [] : [`${damaged} job ${damaged === 1 ? 'directory' : 'directories'} can't be read, and the jobs in there are not seen; the worker's log names ${damaged === 1 ? 'it' : 'them'}`];
  return [...failed.map(({ job, reason }) => `not ended: ${job.key}: ${oneLine(reason, MAX_REASON)}`), ...unseen];
}
