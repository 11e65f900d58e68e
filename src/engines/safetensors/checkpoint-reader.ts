import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readBounded } from '../artifacts/bounded-file.js';
import { systemCode } from '../artifacts/store-error.js';
import type { ChunkRing } from './chunks.js';
import type { TensorInfo } from './header.js';
import { INDEX_FILE, MAX_INDEX_BYTES, parseIndex, SINGLE_FILE } from './index-file.js';
import type { ShardIndex } from './index-file.js';
import { SafetensorsError } from './safetensors-error.js';
import { SafetensorsFile } from './safetensors-file.js';

export interface CheckpointTensor extends TensorInfo {
  /** Name of the file that holds it. */
  readonly file: string;
}

/**
 * The weights of a Hugging Face folder: `model.safetensors`, or the shards that `model.safetensors.index.json` names.
 * `open` checks index and headers against each other: each tensor in exactly the shard that the index says and in no
 * other, no safetensors file beside them, `total_size` the sum of bytes.
 */
export class CheckpointReader {
  readonly folder: string;
  /** By file name, then by place in the file. */
  readonly tensors: readonly CheckpointTensor[];
  readonly #files: ReadonlyMap<string, SafetensorsFile>;

  private constructor(folder: string, files: ReadonlyMap<string, SafetensorsFile>) {
    this.folder = folder;
    this.#files = files;
    this.tensors = [...files].flatMap(([file, { header }]) => header.tensors.map((tensor) => ({ ...tensor, file })));
  }

  /** Throws SafetensorsError where the folder is no whole checkpoint. Every file stays open until `close`. */
  static async open(folder: string): Promise<CheckpointReader> {
    const index = await readIndex(folder);
    const names = index?.shards ?? [SINGLE_FILE];
    const files = new Map<string, SafetensorsFile>();
    try {
      for (const name of names) {
        await checkRegular(folder, name, index !== undefined);
        files.set(name, await SafetensorsFile.open(join(folder, name)));
      }
      await checkOthers(folder, files);
      if (index !== undefined) checkAgainstIndex(index, files);
      const reader = new CheckpointReader(folder, files);
      if (reader.tensors.length === 0) throw new SafetensorsError('no_weights', { file: SINGLE_FILE }, 'holds no tensor');
      return reader;
    } catch (error) {
      await closeAll(files);
      throw error;
    }
  }

  /** As `SafetensorsFile.readTensor`, from the file that holds the tensor. */
  read(tensor: CheckpointTensor, ring: ChunkRing): AsyncGenerator<Uint8Array, void, undefined> {
    const file = this.#files.get(tensor.file);
    if (file === undefined) throw new SafetensorsError('tensor_missing', { file: tensor.file, tensor: tensor.name }, 'belongs to another checkpoint');
    return file.readTensor(tensor, ring);
  }

  async close(): Promise<void> {
    await closeAll(this.#files);
  }
}

async function closeAll(files: ReadonlyMap<string, SafetensorsFile>): Promise<void> {
  for (const file of files.values()) await file.close();
}

async function readIndex(folder: string): Promise<ShardIndex | undefined> {
  const text = await readBounded(join(folder, INDEX_FILE), MAX_INDEX_BYTES, (what) => new SafetensorsError('index_invalid', { file: INDEX_FILE }, what));
  return text === undefined ? undefined : parseIndex(text);
}

/** A link could lead out of the folder, whatever the index's own names are. */
async function checkRegular(folder: string, name: string, indexed: boolean): Promise<void> {
  try {
    if (!(await lstat(join(folder, name))).isFile()) throw new SafetensorsError('path_refused', { file: name }, 'is no regular file');
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    if (!indexed) throw new SafetensorsError('no_weights', { file: name }, `the folder has neither it nor ${INDEX_FILE}`);
    throw new SafetensorsError('shard_missing', { file: name }, 'is named by the index and is not there');
  }
}

/** Weights that nothing names would be left behind without a word. */
async function checkOthers(folder: string, files: ReadonlyMap<string, SafetensorsFile>): Promise<void> {
  for (const name of (await readdir(folder)).sort()) {
    if (name.endsWith('.safetensors') && !files.has(name)) throw new SafetensorsError('shard_unindexed', { file: name }, 'lies beside the weights and does not belong to them: no index names it');
  }
}

function checkAgainstIndex(index: ShardIndex, files: ReadonlyMap<string, SafetensorsFile>): void {
  const heldBy = new Map<string, string>();
  let bytes = 0;
  for (const [file, { header }] of files) {
    for (const tensor of header.tensors) {
      const at = { file, tensor: tensor.name };
      const other = heldBy.get(tensor.name);
      if (other !== undefined) throw new SafetensorsError('duplicate_name', at, `is in ${other} too`);
      const named = index.shardOf.get(tensor.name);
      if (named !== file) throw new SafetensorsError('tensor_unindexed', at, named === undefined ? 'is not in the index' : `stands in the index under ${named}`);
      heldBy.set(tensor.name, file);
      bytes += tensor.bytes;
    }
  }
  for (const [tensor, file] of index.shardOf) if (!heldBy.has(tensor)) throw new SafetensorsError('tensor_missing', { file, tensor }, 'is named by the index and is not there');
  if (index.totalSize !== undefined && index.totalSize !== bytes) throw new SafetensorsError('total_size_mismatch', { file: INDEX_FILE }, `gives total_size ${index.totalSize}, and its tensors have ${bytes} bytes`);
}
