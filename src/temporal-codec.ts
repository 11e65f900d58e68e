import type { Payload, PayloadCodec } from '@temporalio/common';
import { encode } from '@temporalio/common/lib/encoding.js';
import proto from '@temporalio/proto';
import { open, seal } from './engines/payload-crypto/cipher.js';
import type { KeyRing } from './engines/payload-crypto/key-ring.js';
import { PayloadError } from './engines/payload-crypto/payload-error.js';
import { ENCRYPTED, KEY_ID, keyIdOf } from './temporal-payloads.js';

export interface PayloadCodecInput {
  /** Asked when they are first needed; undefined: nothing is encrypted. */
  keys: () => Promise<KeyRing | undefined>;
  /**
   * What becomes of a payload that can't be decrypted: a command must say so; a worker, and a server for the Web UI, must
   * not fail for what somebody else has sent, and `pass` it on as it is.
   */
  unreadable: 'throw' | 'pass';
}

/**
 * Encrypts whole payloads, their metadata included, and decrypts those that are encrypted; the others were written
 * before encryption was switched on, or by people in the Web UI, and stay as they are.
 * `decode` rejects with PayloadError where `unreadable` is `throw`.
 */
export function payloadCodec({ keys, unreadable }: PayloadCodecInput): PayloadCodec {
  const { Payload: PayloadProto } = proto.temporal.api.common.v1;
  const encrypted = (ring: KeyRing, payload: Payload): Payload => ({
    metadata: { encoding: encode(ENCRYPTED), [KEY_ID]: encode(ring.current.id) },
    data: seal(ring.current, PayloadProto.encode(payload).finish()),
  });
  const decrypted = (ring: KeyRing | undefined, keyId: string, payload: Payload): Payload => {
    try {
      return PayloadProto.decode(open(ring, keyId, payload.data ?? new Uint8Array()));
    } catch (error) {
      if (unreadable === 'throw' || !(error instanceof PayloadError)) throw error;
      return payload;
    }
  };
  return {
    async encode(payloads) {
      const ring = await keys();
      // Never twice: the UI may send back what it could not decode.
      return ring === undefined ? payloads : payloads.map((payload) => (keyIdOf(payload) === undefined ? encrypted(ring, payload) : payload));
    },
    async decode(payloads) {
      const decoded: Payload[] = [];
      for (const payload of payloads) {
        const keyId = keyIdOf(payload);
        decoded.push(keyId === undefined ? payload : decrypted(await keys(), keyId, payload));
      }
      return decoded;
    },
  };
}
