import { createRequire } from 'node:module';
import proto, { type temporal } from '@temporalio/proto';

export type History = temporal.api.history.v1.IHistory;

/** What is used of `protobufjs/ext/protojson`. */
interface ProtoJson {
  toJson(type: unknown, message: unknown): unknown;
  fromJson(type: unknown, json: unknown, options: { ignoreUnknownFields: boolean }): unknown;
}

/**
 * The JSON form of protobufjs, from the very copy of it that `@temporalio/proto` has. `historyToJSON` of
 * `@temporalio/common` takes its own copy, and npm installs two where a third package keeps an older version above them:
 * then neither knows the other's types, and every call throws.
 */
const protoJson = createRequire(createRequire(import.meta.url).resolve('@temporalio/proto'))('protobufjs/ext/protojson') as ProtoJson;

/** The package has it and its types do not. */
const historyType = (proto as unknown as { lookupType(name: string): unknown }).lookupType('temporal.api.history.v1.History');

/** What a history says of the machine that it was recorded on, and what replay does not look at. */
const OF_THE_MACHINE = new Set(['stackTrace', 'identity']);

/** A history as `temporal workflow show --output json` writes it, on one line, without what only tells of the machine. */
export function historyText(history: History): string {
  const json = protoJson.toJson(historyType, proto.temporal.api.history.v1.History.fromObject(history));
  return `${JSON.stringify(json, (key, value: unknown) => (OF_THE_MACHINE.has(key) ? '' : value))}\n`;
}

/** @throws Error for what is no history, or one without events */
export function parseHistory(text: string): History {
  const history = protoJson.fromJson(historyType, JSON.parse(text), { ignoreUnknownFields: true }) as History;
  if ((history.events ?? []).length === 0) throw new Error('it has no events');
  return history;
}
