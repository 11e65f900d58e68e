import { defaultPayloadConverter, type Payload, type PayloadConverter } from '@temporalio/common';
import { decode } from '@temporalio/common/lib/encoding.js';

/**
 * The default converter, except that a payload which can't be decoded is a value and no exception. The SDK decodes
 * before any handler runs, so one signal with a mistyped payload would otherwise fail every task of its run for ever.
 * A text that was sent as JSON without quotes is taken as the text that it is; anything else is for the handlers to
 * refuse.
 */
export const payloadConverter: PayloadConverter = {
  toPayload: (value) => defaultPayloadConverter.toPayload(value),
  fromPayload: <T>(payload: Payload): T => {
    try {
      return defaultPayloadConverter.fromPayload<T>(payload);
    } catch {
      const encoding = payload.metadata?.['encoding'];
      const isText = encoding !== undefined && encoding !== null && decode(encoding) === 'json/plain' && payload.data != null;
      return (isText ? decode(payload.data as Uint8Array) : { undecodable: true }) as T;
    }
  },
};
