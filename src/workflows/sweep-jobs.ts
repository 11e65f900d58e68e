import type { SweepRequest, SweepResult } from '../domain/sweep.js';
import { assertDecrypted } from '../temporal-payloads.js';
import { readSite, sweepExecutorsOn } from './activity-options.js';

/**
 * Ends every live job whose run has ended. Each worker keeps a schedule that starts this for the queue of its own jobs,
 * and `ferry gc` and `ferry jobs list` start it by hand.
 */
export async function sweepJobs(request: SweepRequest): Promise<SweepResult> {
  assertDecrypted(request);
  const queues = request.queues ?? [...new Set(Object.values((await readSite()).executors).map((executor) => executor.queue))];
  const results = await Promise.all(queues.map((queue) => sweepExecutorsOn(queue).sweepExecutors({ dryRun: request.dryRun, listOnly: request.listOnly })));
  return {
    jobs: results.flatMap((r) => r.jobs),
    ended: results.flatMap((r) => r.ended),
    failed: results.flatMap((r) => r.failed ?? []),
    damaged: results.reduce((sum, r) => sum + (r.damaged ?? 0), 0),
  };
}
