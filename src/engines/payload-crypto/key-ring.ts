import { createHash } from 'node:crypto';
import type { PayloadEncryption, SecretSource } from '../../domain/site.js';
import { readSecret } from '../config/read-secret.js';
import { PayloadError } from './payload-error.js';

/** AES-256. */
const KEY_BYTES = 32;
const ID_BYTES = 8;

export interface PayloadKey {
  /** The first 8 bytes of the key's sha256 in hex: tells keys apart and tells nothing of the key. */
  id: string;
  bytes: Buffer;
}

export interface KeyRing {
  /** Encrypts everything that is written. */
  current: PayloadKey;
  /** All that may be needed to read, the current one among them. */
  byId: ReadonlyMap<string, PayloadKey>;
}

/**
 * A key from the text of its secret: 32 bytes as 64 hexadecimal digits or as base64.
 * @throws PayloadError `payload_key_invalid`, which names the secret and not what was found.
 */
export function parseKey(name: string, text: string): PayloadKey {
  const isHex = /^[0-9a-f]{64}$/i.test(text);
  const bytes = isHex ? Buffer.from(text, 'hex') : /^[A-Za-z0-9+/_-]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : undefined;
  if (bytes?.length !== KEY_BYTES)
    throw invalid(name, `holds no key of ${KEY_BYTES} bytes in base64 or in hexadecimal digits${bytes === undefined ? '' : ` (it has ${bytes.length} bytes as base64)`}; make one with: openssl rand -base64 ${KEY_BYTES}`);
  return { id: createHash('sha256').update(bytes).digest('hex').slice(0, ID_BYTES * 2), bytes };
}

/**
 * The keys that a site names, read from where its secrets are.
 * @throws PayloadError `payload_key_invalid` for a secret that is empty, can't be read or is no key.
 */
export async function loadKeyRing({ encryption, secrets, env }: { encryption: PayloadEncryption; secrets: Record<string, SecretSource>; env: Readonly<Record<string, string | undefined>> }): Promise<KeyRing> {
  const load = async (name: string): Promise<PayloadKey> => {
    const source = secrets[name];
    if (source === undefined) throw invalid(name, 'is not in the site file; add it under secrets');
    // The cause may quote the file; what matters to the reader is which secret it was.
    const text = await readSecret(source, env).catch(() => Promise.reject(invalid(name, 'can\'t be read: its file is missing or not for this user')));
    if (text === undefined || text === '') throw invalid(name, `is empty here; set ${'env' in source ? `the variable ${source.env}` : 'its file'}`);
    return parseKey(name, text);
  };
  const current = await load(encryption.key.secret);
  const previous = await Promise.all(encryption.previous.map(({ secret }) => load(secret)));
  return { current, byId: new Map([current, ...previous].map((key) => [key.id, key])) };
}

const invalid = (name: string, problem: string): PayloadError => new PayloadError('payload_key_invalid', `The secret ${name}, a key of payloads.encryption, ${problem}`);
