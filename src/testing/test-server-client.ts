import { Client, type Connection } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';

type HistoryRequest = temporal.api.workflowservice.v1.IGetWorkflowExecutionHistoryRequest;
type HistoryResponse = temporal.api.workflowservice.v1.GetWorkflowExecutionHistoryResponse;

/**
 * A client that sees histories as a real server gives them. The test server leaves 0 as the `startedEventId` of a
 * completed workflow task; by that id `publishRelease` finds when a run saw a decision.
 */
export function testServerClient(connection: Connection, namespace: string): Client {
  const service = connection.workflowService;
  const getWorkflowExecutionHistory = async (request: HistoryRequest): Promise<HistoryResponse> => {
    const response = await service.getWorkflowExecutionHistory(request);
    fillStartedEventIds(response.history?.events ?? []);
    return response;
  };
  const workflowService = Object.create(service, { getWorkflowExecutionHistory: { value: getWorkflowExecutionHistory } }) as typeof service;
  return new Client({ connection: Object.create(connection, { workflowService: { value: workflowService } }) as Connection, namespace });
}

/** A task completes by the start that stands last before it: a run has one task at a time. */
export function fillStartedEventIds(events: temporal.api.history.v1.IHistoryEvent[]): void {
  let started: temporal.api.history.v1.IHistoryEvent['eventId'];
  for (const event of events) {
    if (event.workflowTaskStartedEventAttributes != null) started = event.eventId;
    const completed = event.workflowTaskCompletedEventAttributes;
    if (completed != null && started != null && String(completed.startedEventId ?? 0) === '0') completed.startedEventId = started;
  }
}
