export type StoreErrorCode = 'artifact_missing' | 'artifact_corrupt' | 'storage_full' | 'path_refused' | 'storage_error';

/** Thrown when an artifact cannot be taken in, found or trusted. `problems` names each file that is wrong. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;
  readonly problems: string[];

  constructor(code: StoreErrorCode, message: string, problems: string[] = [], cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'StoreError';
    this.code = code;
    this.problems = problems;
  }
}

/** The system's error code (`ENOENT`, `ENOSPC` …) of an error, if it has one. */
export function systemCode(error: unknown): string | undefined {
  const code: unknown = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** True for "no space left" and "quota exceeded": to a job both mean that somebody must make room. */
export function isStorageFull(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'storage_full';
}

/** Gives any error that arose at `doing` a code of ours; a StoreError passes as it is. */
export function toStoreError(error: unknown, doing: string): StoreError {
  if (error instanceof StoreError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (isStorageFull(error)) {
    return new StoreError('storage_full', `no space left while ${doing}: free some space or raise the quota, then try again (${message})`, [], error);
  }
  if (systemCode(error) === 'ENOENT') return new StoreError('artifact_missing', `nothing there while ${doing} (${message})`, [], error);
  return new StoreError('storage_error', `the file system refused while ${doing} (${message})`, [], error);
}
