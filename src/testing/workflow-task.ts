import { WorkflowNotFoundError, type Client } from '@temporalio/client';

/** What was seen of a run at one look. */
export interface TaskLook {
  historyLength: number;
  /** Why the newest workflow task fails, over and over; undefined where it does not. */
  failure?: string;
}

/**
 * Looks whether a run hangs at a workflow task that fails: the server writes its first failure down and then tries it
 * again without a word. The history is read only where it has not grown since the look before.
 */
export async function lookAtTask(client: Client, run: string, before: TaskLook | undefined): Promise<TaskLook> {
  const handle = client.workflow.getHandle(run);
  try {
    const { historyLength } = await handle.describe();
    if (historyLength !== before?.historyLength) return { historyLength };
    const { events } = await handle.fetchHistory();
    const last = (events ?? []).findLast((event) => event.workflowTaskCompletedEventAttributes != null || event.workflowTaskFailedEventAttributes != null);
    const failed = last?.workflowTaskFailedEventAttributes;
    return { historyLength, ...(failed != null && { failure: failed.failure?.message ?? `cause ${failed.cause}` }) };
  } catch (error) {
    // Between two executions of one run there is a moment without any.
    if (error instanceof WorkflowNotFoundError) return { historyLength: 0 };
    throw error;
  }
}
