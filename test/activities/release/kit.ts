// A server as `publish` reads one: it gives recorded executions of a run and does nothing else.
import type { Client } from '@temporalio/client';
import { defaultDataConverter, defaultPayloadConverter, type Payload } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';
import { WORKFLOW_QUEUE } from '../../../src/domain/ids.js';
import { at } from '../../domain/kit.js';

type Event = temporal.api.history.v1.IHistoryEvent;

export const UNREADABLE: Payload = { metadata: { encoding: new TextEncoder().encode('json/plain') }, data: new TextEncoder().encode('{"approver":') };
export const ENCRYPTED: Payload = { metadata: { encoding: new TextEncoder().encode('binary/encrypted') }, data: new Uint8Array([1, 2, 3]) };

export const payload = (value: unknown): Payload => defaultPayloadConverter.toPayload(value) as Payload;
const payloads = (value: Payload | undefined): { payloads: Payload[] } => ({ payloads: value === undefined ? [] : [value] });
const time = (minute: number): Event => ({ eventTime: { seconds: Date.parse(at(minute)) / 1000, nanos: 0 } as unknown as NonNullable<Event['eventTime']> });

export const started = (minute: number, input: unknown, { after, queue = WORKFLOW_QUEUE }: { after?: string; queue?: string } = {}): Event => ({
  ...time(minute),
  workflowExecutionStartedEventAttributes: { taskQueue: { name: queue }, input: payloads(payload(input)), continuedExecutionRunId: after ?? '' },
});

export const signalled = (signalName: string, argument?: Payload): Event => ({ workflowExecutionSignaledEventAttributes: { signalName, input: payloads(argument) } });

/** One workflow task, with the events that it writes. */
export function task(minute: number, ...events: Event[]): Event[] {
  const startedEventId = String(minute) as unknown as NonNullable<Event['eventId']>;
  return [{ ...time(minute), eventId: startedEventId, workflowTaskStartedEventAttributes: {} }, { ...time(minute), workflowTaskCompletedEventAttributes: { startedEventId } }, ...events];
}

const request = (updateId: string, name: string, argument: Payload): temporal.api.update.v1.IRequest => ({ meta: { updateId }, input: { name, args: payloads(argument) } });

export const accepted = (updateId: string, name: string, argument: Payload): Event => ({
  workflowExecutionUpdateAcceptedEventAttributes: { protocolInstanceId: updateId, acceptedRequest: request(updateId, name, argument) },
});
/** As a reset leaves an update that it applies again: the request here … */
export const admitted = (updateId: string, name: string, argument: Payload): Event => ({ workflowExecutionUpdateAdmittedEventAttributes: { request: request(updateId, name, argument) } });
/** … and no longer here. */
export const acceptedAgain = (updateId: string): Event => ({ workflowExecutionUpdateAcceptedEventAttributes: { protocolInstanceId: updateId } });

/** A client of a server that has these executions, by run id. */
export const serverWith = (executions: Record<string, Event[]>): Client =>
  ({ options: { loadedDataConverter: defaultDataConverter }, workflow: { getHandle: (_id: string, runId: string) => ({ fetchHistory: () => Promise.resolve({ events: executions[runId] ?? [] }) }) } }) as unknown as Client;
