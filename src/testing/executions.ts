import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import type { SkippedTime } from './skipped-time.js';

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

/** A task that has failed is tried again at once; a history that does not grow for so many looks hangs at it. */
const LOOKS_WITHOUT_GROWTH = 5;

export interface ExecutionsDeps {
  client: Client;
  clock: SkippedTime;
  run: string;
  /** Ends the sleeps on behalf of a closed execution, told by its run id; resolves once their locks are taken again. */
  leave: (runId: string) => Promise<void>;
}

/**
 * The executions of one run, looked at from outside: whether the newest one hangs at a workflow task that fails, and which
 * of them have closed with a task under way. The test server never takes back the lock on time of such a task
 * (seen on 1.40.0 after continue-as-new), so that time would stand for ever: it is given back here, after whoever sleeps on
 * its behalf has taken it again. Given back twice, time would jump while somebody is at work.
 */
export class Executions {
  readonly #client: Client;
  readonly #clock: SkippedTime;
  readonly #run: string;
  readonly #leave: ExecutionsDeps['leave'];
  readonly #settled = new Set<string>();
  #newest: { runId: string; historyLength: number; looks: number } | undefined;

  constructor({ client, clock, run, leave }: ExecutionsDeps) {
    this.#client = client;
    this.#clock = clock;
    this.#run = run;
    this.#leave = leave;
  }

  /** Why the newest workflow task fails, over and over; undefined where it does not. */
  async look(): Promise<string | undefined> {
    try {
      const { runId, historyLength } = await this.#client.workflow.getHandle(this.#run).describe();
      if (this.#newest?.runId !== runId) await this.#settleBefore(runId);
      const looks = this.#newest?.runId === runId && this.#newest.historyLength === historyLength ? this.#newest.looks + 1 : 0;
      this.#newest = { runId, historyLength, looks };
      // The first failure is written down; the tries after it leave no trace.
      return looks > 0 && looks % LOOKS_WITHOUT_GROWTH === 0 ? failureIn(await this.#eventsOf(runId)) : undefined;
    } catch (error) {
      // Between two executions of one run there is a moment without any.
      if (error instanceof WorkflowNotFoundError) return undefined;
      throw error;
    }
  }

  /** Why the newest workflow task failed, if it did: the reason for which a run does not answer. */
  async lastFailure(): Promise<string | undefined> {
    const { runId } = await this.#client.workflow.getHandle(this.#run).describe();
    return failureIn(await this.#eventsOf(runId));
  }

  /** Gives back what the run's last execution has left. To be called once it has ended. */
  async settle(): Promise<void> {
    const { runId } = await this.#client.workflow.getHandle(this.#run).describe();
    await this.#settleBefore(runId);
    await this.#giveBack(runId, await this.#eventsOf(runId));
  }

  async #settleBefore(runId: string): Promise<void> {
    let before = previousOf(await this.#eventsOf(runId));
    while (before !== undefined && !this.#settled.has(before)) {
      this.#settled.add(before);
      const events = await this.#eventsOf(before);
      await this.#giveBack(before, events);
      before = previousOf(events);
    }
  }

  async #giveBack(runId: string, events: readonly HistoryEvent[]): Promise<void> {
    await this.#leave(runId);
    for (let left = tasksUnderWay(events); left > 0; left--) await this.#clock.giveBack();
  }

  async #eventsOf(runId: string): Promise<readonly HistoryEvent[]> {
    return (await this.#client.workflow.getHandle(this.#run, runId).fetchHistory()).events ?? [];
  }
}

const previousOf = (events: readonly HistoryEvent[]): string | undefined => events[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId || undefined;

function failureIn(events: readonly HistoryEvent[]): string | undefined {
  const last = events.findLast((event) => event.workflowTaskCompletedEventAttributes != null || event.workflowTaskFailedEventAttributes != null);
  const failed = last?.workflowTaskFailedEventAttributes;
  return failed == null ? undefined : (failed.failure?.message ?? `cause ${failed.cause}`);
}

/** How many activities and workflow tasks were scheduled and have no end; a run that is terminated may leave a task of either. */
export function tasksUnderWay(events: readonly HistoryEvent[]): number {
  let activities = 0;
  for (const event of events) {
    if (event.activityTaskScheduledEventAttributes != null) activities += 1;
    if ((event.activityTaskCompletedEventAttributes ?? event.activityTaskFailedEventAttributes ?? event.activityTaskTimedOutEventAttributes ?? event.activityTaskCanceledEventAttributes) != null) activities -= 1;
  }
  return activities + (workflowTaskUnderWay(events) ? 1 : 0);
}

/** A run has one workflow task at a time. */
export function workflowTaskUnderWay(events: readonly HistoryEvent[]): boolean {
  const ended = (event: HistoryEvent): boolean => (event.workflowTaskCompletedEventAttributes ?? event.workflowTaskFailedEventAttributes ?? event.workflowTaskTimedOutEventAttributes) != null;
  const last = events.findLast((event) => event.workflowTaskScheduledEventAttributes != null || ended(event));
  return last !== undefined && !ended(last);
}
