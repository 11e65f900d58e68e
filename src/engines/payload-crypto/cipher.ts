import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { KeyRing, PayloadKey } from './key-ring.js';
import { PayloadError } from './payload-error.js';

const ALGORITHM = 'aes-256-gcm';
/** What GCM is specified for. Random ones under one key are safe up to 2^32 payloads (NIST SP 800-38D, 8.3). */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Nonce, ciphertext and tag in one: 28 bytes longer than what was given. The key's id is authenticated with it. */
export function seal(key: PayloadKey, plain: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, key.bytes, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(key.id));
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/**
 * What `seal` was given, under the key that has this id.
 * @throws PayloadError `payloads_encrypted` without any key, `payload_key_unknown` where none has the id, and
 * `payload_damaged` for bytes that the key did not seal so.
 */
export function open(keys: KeyRing | undefined, keyId: string, sealed: Uint8Array): Buffer {
  const named = /^[0-9a-f]{1,64}$/.test(keyId) ? keyId : '(not an id)';
  if (keys === undefined) throw new PayloadError('payloads_encrypted', `The payloads of this server are encrypted, with the key ${named}, and no key is known here`);
  const key = keys.byId.get(keyId);
  if (key === undefined) throw new PayloadError('payload_key_unknown', `A payload is encrypted with the key ${named}; the site file names ${[...keys.byId.keys()].join(', ')}`);
  try {
    if (sealed.length < NONCE_BYTES + TAG_BYTES) throw new RangeError('too short');
    const decipher = createDecipheriv(ALGORITHM, key.bytes, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(key.id));
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new PayloadError('payload_damaged', `A payload of the key ${named} is damaged, or was not encrypted with it`);
  }
}
