import { Context } from '@temporalio/activity';
import type { StopCode } from '../../domain/failure.js';
import type { SecretSource } from '../../domain/site.js';
import { WatchHeartbeat, type JobHandle, type JobIdentity, type JobOutcome, type JobRequest, type StopReason } from '../../domain/job.js';
import { failure } from '../../temporal-failure.js';
import { beating, executorFailure } from '../guards.js';
import type { Executor } from './executors/executor.js';
import { maskOf, resolveSecrets, type SecretMask } from './secrets.js';
import { observeUntilEnd, observeUntilReady, outcomeOf, type ServerStart } from './watch.js';

/** Which job to stop, and why. `graceMs`: how long it may take to save. */
export interface CancelRequest {
  identity: JobIdentity;
  executor: string;
  reason: StopReason;
  /** Default: the grace that the job was submitted with. */
  graceMs?: number;
}

/** The life of a job in three activities: submit, watch, cancel. One job a key, however often each is tried. */
export interface JobActivities {
  /** Starts a job unless its key is known already; either way the one handle of that key. */
  submitJob(request: JobRequest): Promise<JobHandle>;
  /** Waits until a job has ended. Whatever this activity is cancelled for, the job goes on. */
  watchJob(request: { handle: JobHandle }): Promise<JobOutcome>;
  /** Waits until a server is ready, has ended, or the deadline (ISO 8601 UTC) has passed; whatever comes, the server goes on. */
  awaitServer(request: { handle: JobHandle; deadline: string }): Promise<ServerStart>;
  /** Stops a job and returns when nothing of it is alive; a job that was never started is kept from starting. */
  cancelJob(request: CancelRequest): Promise<{ outcome?: JobOutcome }>;
}

/** `executors` by their ids in the site, all of one task queue; `pollIntervalMs`: how often a watched job is looked at. */
export interface JobDeps {
  executors: ReadonlyMap<string, Executor>;
  secrets: Record<string, SecretSource>;
  /** Secrets that no job gets: the site's own. */
  withheld?: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  pollIntervalMs: number;
  /** In milliseconds since 1970; a rehearsal has a clock of its own. Default: the machine's. */
  now?: () => number | Promise<number>;
}

/** The activities of the jobs on the executors of one task queue. What they throw is an ApplicationFailure of a stop code. */
export function createJobActivities(deps: JobDeps): JobActivities {
  const executorOf = (id: string, otherwise: StopCode): Executor => {
    const executor = deps.executors.get(id);
    if (executor === undefined) throw failure(otherwise, `this worker's site has no executor ${id}; it has ${[...deps.executors.keys()].join(', ')}`);
    return executor;
  };
  // For a job that exists the executor is only missing here and now: another worker, or this one with its site put
  // right, finds the job again. Were it final, a healthy job would be given up, or left alive behind a closed run.
  const executorOfJob = (id: string): Executor => executorOf(id, 'executor_unavailable');
  const mask = (): Promise<SecretMask> => maskOf(deps.secrets, deps.env);
  return {
    async submitJob(request) {
      const executor = executorOf(request.executor, 'unknown_executor');
      const secrets = await resolveSecrets(request.env, deps.secrets, deps.env, deps.withheld);
      return await beating(() => executor.submit(executor.render(request), request, secrets)).catch(executorFailure);
    },
    async watchJob({ handle }) {
      return await observeUntilEnd(executorOfJob(handle.executor), handle, carriedOver(), { pollIntervalMs: deps.pollIntervalMs, mask });
    },
    async awaitServer({ handle, deadline }) {
      return await observeUntilReady(executorOfJob(handle.executor), handle, carriedOver(), { pollIntervalMs: deps.pollIntervalMs, mask, now: deps.now, deadline });
    },
    async cancelJob({ identity, executor: id, reason, graceMs }) {
      const executor = executorOfJob(id);
      return await beating<{ outcome?: JobOutcome }>(async () => {
        const handle = (await executor.find(identity)) ?? (await executor.forestall(identity, { reason, graceMs }));
        if (handle === undefined) return {};
        await executor.cancel(handle, { reason, graceMs });
        const seen = await executor.observe(handle);
        return seen.state === 'exited' || seen.state === 'lost' ? { outcome: await outcomeOf(executor, handle, seen, await mask()) } : {};
      }).catch(executorFailure);
    },
  };
}

/** What the watch before this one heartbeat last, if there was one: since when the scheduler is dark survives a worker. */
function carriedOver(): WatchHeartbeat | undefined {
  const parsed = WatchHeartbeat.safeParse(Context.current().info.heartbeatDetails);
  return parsed.success ? parsed.data : undefined;
}
