import { statSync } from 'node:fs';
import { JobExit } from '../../domain/job.js';
import type { JobHandle, JobObservation } from '../../domain/job.js';
import { countStarts, jobPaths, readClaim, readExit, readJobRecord, readState } from './job-dir.js';
import type { Claim, JobRecord, WrapperState } from './job-dir.js';
import { hostIdentity, isAlive } from './process-identity.js';

/** What a caller keeps between two observations of one job, so that only what changed is read again. Start with `{}`. */
export interface ObserveMemory {
  record?: JobRecord;
  claim?: Claim;
  state?: { stamp: string; value: WrapperState };
  starts?: { stamp: string; value: number };
  last?: JobObservation;
}

const MAX_DETAIL = 500;

/** Told apart from an mtime alone: two writes within one clock tick still differ in inode. */
function stampOf(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat && `${stat.ino}.${stat.mtimeNs}.${stat.size}`;
}

function cached<T>(path: string, kept: { stamp: string; value: T } | undefined, read: () => T | undefined): { stamp: string; value: T } | undefined {
  const stamp = stampOf(path);
  if (stamp === undefined) return undefined;
  if (kept?.stamp === stamp) return kept;
  const value = read();
  return value === undefined ? undefined : { stamp, value };
}

/**
 * What can be seen of a job from its directory and its processes. Never throws: where nothing can be read the
 * observation is `unknown`, and the job's state stays what it was last.
 */
export function observeJob(handle: Pick<JobHandle, 'jobDir'>, memory: ObserveMemory = {}): JobObservation {
  if (memory.last?.observation === 'ok' && (memory.last.state === 'exited' || memory.last.state === 'lost')) return memory.last;
  try {
    memory.last = look(handle.jobDir, memory);
    return memory.last;
  } catch (error) {
    const detail = (error instanceof Error ? error.message : String(error)).slice(0, MAX_DETAIL);
    return { ...(memory.last ?? { state: 'pending', starts: 0 }), observation: 'unknown', detail };
  }
}

function look(jobDir: string, memory: ObserveMemory): JobObservation {
  const paths = jobPaths(jobDir);
  memory.record ??= readJobRecord(jobDir);
  const { record } = memory;
  // A file system that isn't mounted looks just like a directory that was removed: neither says that the job ended.
  if (record === undefined) throw new Error(`${jobDir} holds no job.json: is the file system of the jobs mounted?`);
  memory.state = cached(paths.state, memory.state, () => readState(jobDir));
  memory.starts = cached(paths.starts, memory.starts, () => countStarts(jobDir));
  const seen = memory.state?.value;
  const common = {
    observation: 'ok' as const,
    starts: memory.starts?.value ?? 0,
    ...(seen?.note !== undefined && { detail: seen.note }),
    ...(seen?.progress && { progress: seen.progress }),
    ...(seen?.checkpoint && { checkpoint: seen.checkpoint }),
    ...(record.passedOver.length > 0 && { passedOver: record.passedOver }),
    ...(record.resume && { resumedFrom: { step: record.resume.step, attempt: record.resume.attempt } }),
  };
  const exited = (): JobObservation | undefined => {
    const exit = readExit(jobDir);
    if (exit === undefined) return undefined;
    // The wrapper's last words may be newer than what was read above.
    const last = readState(jobDir);
    return {
      ...common,
      starts: countStarts(jobDir),
      ...(last?.progress && { progress: last.progress }),
      ...(last?.checkpoint && { checkpoint: last.checkpoint }),
      ...(last?.note !== undefined && { detail: last.note }),
      state: 'exited',
      exit: JobExit.parse(exit),
    };
  };
  const ended = exited();
  if (ended) return ended;
  memory.claim ??= readClaim(jobDir);
  const { claim } = memory;
  if (claim === undefined) return { ...common, state: 'pending' };
  const live: JobObservation = { ...common, state: seen?.phase === 'completing' ? 'completing' : 'running' };
  if (claim.hostId !== hostIdentity().hostId) {
    return { ...live, observation: 'unknown', detail: `the job runs on ${claim.host}: only a worker on that host can see its processes` };
  }
  if (isAlive(claim)) return live;
  // The wrapper may have written its exit record and ended between our two looks.
  return exited() ?? { ...live, state: 'lost', detail: lostBecause(claim) };
}

function lostBecause(claim: Claim): string {
  return claim.bootId === hostIdentity().bootId
    ? `the job's wrapper (process ${claim.pid}) ended without an exit record`
    : `${claim.host} was started anew since the job began`;
}
