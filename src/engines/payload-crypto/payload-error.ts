export type PayloadErrorCode = 'payloads_encrypted' | 'payload_key_unknown' | 'payload_damaged' | 'payload_key_invalid';

/** Thrown for what can't be encrypted or decrypted. It names secrets and key ids, never a key nor what was decrypted. */
export class PayloadError extends Error {
  override readonly name = 'PayloadError';

  constructor(
    readonly code: PayloadErrorCode,
    message: string,
  ) {
    super(message);
  }
}
