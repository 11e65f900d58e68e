import { defaultPayloadConverter, type LoadedDataConverter, type Payload, type PayloadConverter } from '@temporalio/common';
import { decode } from '@temporalio/common/lib/encoding.js';

/** How an encrypted payload says that it is one, and with which key: as in Temporal's own samples of encryption. */
export const ENCRYPTED = 'binary/encrypted';
export const KEY_ID = 'encryption-key-id';

/** The id of the key that a payload says it is encrypted with; undefined for one that is not encrypted. */
export function keyIdOf({ metadata }: Payload): string | undefined {
  const encoding = metadata?.['encoding'];
  if (encoding === undefined || encoding === null || decode(encoding) !== ENCRYPTED) return undefined;
  const id = metadata?.[KEY_ID];
  return id === undefined || id === null ? '' : decode(id);
}

/**
 * The default converter, except that a payload which can't be decoded is a value and no exception. The SDK decodes
 * before any handler runs, so one signal with a mistyped payload would otherwise fail every task of its run for ever.
 * A text that was sent as JSON without quotes is taken as the text that it is; anything else is for the handlers to
 * refuse. What a worker's codec could not decrypt is such a value too, but never where it came from an activity: there
 * it means that this worker lacks a key, and its task must fail until a worker that has it comes.
 */
export const payloadConverter: PayloadConverter = {
  toPayload: (value) => defaultPayloadConverter.toPayload(value),
  fromPayload: <T>(payload: Payload, context?: Parameters<PayloadConverter['fromPayload']>[1]): T => {
    const keyId = keyIdOf(payload);
    if (keyId !== undefined && context?.type === 'activity') throw new Error(lacksKey(keyId));
    if (keyId !== undefined) return { undecodable: true, encryptedWith: keyId } as T;
    try {
      return defaultPayloadConverter.fromPayload<T>(payload);
    } catch {
      const encoding = payload.metadata?.['encoding'];
      const isText = encoding !== undefined && encoding !== null && decode(encoding) === 'json/plain' && payload.data != null;
      return (isText ? decode(payload.data as Uint8Array) : { undecodable: true }) as T;
    }
  },
};

const lacksKey = (keyId: string): string => `this worker can't decrypt what it was given: the key ${keyId.slice(0, 64)} is not in its site file, under payloads.encryption, or the payload is damaged`;

/**
 * For the argument of a workflow: a worker that can't decrypt it must fail the task, and not the run, which goes on with
 * a worker that can. @throws Error, which the SDK takes for a failure of the task.
 */
export function assertDecrypted(input: unknown): void {
  if (typeof input === 'object' && input !== null && 'encryptedWith' in input && typeof input.encryptedWith === 'string') throw new Error(lacksKey(input.encryptedWith));
}

/** A payload that was read from a raw answer of the server, decoded as the SDK decodes the others. */
export async function decodePayload({ payloadConverter: converter, payloadCodecs }: LoadedDataConverter, payload: Payload): Promise<unknown> {
  let payloads = [payload];
  for (const codec of payloadCodecs.toReversed()) payloads = await codec.decode(payloads);
  return payloads[0] === undefined ? undefined : converter.fromPayload(payloads[0]);
}
