import { oneLine } from '../../domain/text.js';

export type SafetensorsCode =
  // Of one file's header.
  | 'file_too_short'
  | 'header_too_large'
  | 'header_truncated'
  | 'header_not_utf8'
  | 'header_not_json'
  | 'duplicate_name'
  | 'metadata_invalid'
  | 'entry_invalid'
  | 'dtype_unknown'
  | 'shape_invalid'
  | 'offsets_invalid'
  | 'size_mismatch'
  | 'data_truncated'
  | 'tensors_overlap'
  | 'hole'
  | 'trailing_bytes'
  // Of a folder and its index.
  | 'no_weights'
  | 'index_invalid'
  | 'path_refused'
  | 'shard_missing'
  | 'shards_incomplete'
  | 'shard_unindexed'
  | 'tensor_missing'
  | 'tensor_unindexed'
  | 'total_size_mismatch'
  // Of a file that became shorter after its header was checked.
  | 'shrank_while_read'
  // Of a writer whose caller gives it other bytes than it announced.
  | 'write_mismatch';

/** Thrown when a checkpoint's files are not what the format or the index says. The message names file, tensor and fault. */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError';
  readonly code: SafetensorsCode;
  readonly file: string;
  readonly tensor: string | undefined;

  constructor(code: SafetensorsCode, at: { file: string; tensor?: string }, fault: string) {
    // Names come out of a file that may be hostile: one line each, and no longer than a log can bear.
    super(`${oneLine(at.file, 200)}${at.tensor === undefined ? '' : `: tensor ${JSON.stringify(oneLine(at.tensor, 200))}`}: ${fault}`);
    this.code = code;
    this.file = at.file;
    this.tensor = at.tensor;
  }
}
