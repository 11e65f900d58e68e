import type { JobListing } from '../domain/job.js';
import type { ScriptedJob } from './scripted-job.js';

/** A scripted job as an executor lists it. */
export function createExecutorListing({ request, handle, seen, startedAtMs }: ScriptedJob): JobListing {
  const { key, run, runUid, stage, round, attempt, server, backend, simulated } = request;
  return { key, run, runUid, stage, round, attempt, ...(server !== undefined && { server }), executor: handle.executor, backend, simulated, handle, state: seen.state, starts: seen.starts, submittedAt: new Date(startedAtMs).toISOString(), ...(seen.exit !== undefined && { endedAt: seen.exit.endedAt }) };
}
