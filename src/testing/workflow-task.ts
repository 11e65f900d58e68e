import { WorkflowNotFoundError, type Client } from '@temporalio/client';

/**
 * Why the newest workflow task of a run failed; undefined where it did not.
 */
export async function failingTask(client: Client, run: string): Promise<string | undefined> {
  try {
    const { raw } = await client.workflow.getHandle(run).describe();
    process.stderr.write(JSON.stringify(raw.pendingWorkflowTask ?? null) + '\n');
    const { events } = await client.workflow.getHandle(run).fetchHistory();
    const last = (events ?? []).slice(-3).find((e) => e.workflowTaskFailedEventAttributes != null);
    return last?.workflowTaskFailedEventAttributes?.failure?.message ?? undefined;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}
