export type ReleaseErrorCode = 'release_exists' | 'release_missing' | 'release_damaged' | 'release_refused' | 'release_busy';

/** Thrown when a release cannot be written, found or read. The message says what to do next. */
export class ReleaseError extends Error {
  override readonly name = 'ReleaseError';

  constructor(
    readonly code: ReleaseErrorCode,
    message: string,
  ) {
    super(message);
  }
}
