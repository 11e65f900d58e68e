export type CheckpointCode = 'dtype_unsupported' | 'config_missing' | 'config_invalid' | 'file_refused' | 'output_exists';

/** Thrown when a checkpoint whose weights are well-formed cannot be converted as asked. The message says what stands in the way. */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError';
  readonly code: CheckpointCode;

  constructor(code: CheckpointCode, message: string) {
    super(message);
    this.code = code;
  }
}
