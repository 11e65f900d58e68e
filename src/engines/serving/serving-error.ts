/**
 * Why a server gave no answer: it can't be reached or broke off; it took longer than the deadline; it answered with an
 * error status; its answer is not of the form, or larger than any honest one.
 */
export type ServingFailure = 'unreachable' | 'timeout' | 'status' | 'malformed' | 'too large';

/** Thrown when a model server did not answer as asked, after the tries that make sense. */
export class ServingError extends Error {
  override readonly name = 'ServingError';
  readonly failure: ServingFailure;
  /** The HTTP status, for the failure `status`. */
  readonly status: number | undefined;

  constructor(failure: ServingFailure, message: string, options: { status?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.failure = failure;
    this.status = options.status;
  }
}
