import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import { tensorBytes } from './dtypes.js';
import type { Dtype } from './dtypes.js';
import { LENGTH_BYTES, MAX_HEADER_BYTES } from './header.js';
import { SafetensorsError } from './safetensors-error.js';

export interface TensorSpec {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

/**
 * The header of a file that holds these tensors in this order, its length before it. The same tensors give the same
 * bytes: metadata first, then each tensor as {dtype, shape, data_offsets}, spaces up to a multiple of 8.
 */
export function encodeHeader(file: string, tensors: readonly TensorSpec[]): Buffer {
  const names = new Set<string>();
  let at = 0;
  const entries = tensors.map(({ name, dtype, shape }) => {
    const bytes = tensorBytes(dtype, shape);
    if (bytes === undefined) throw new SafetensorsError('shape_invalid', { file, tensor: name }, `${JSON.stringify(shape)} is no whole number of bytes as ${dtype}`);
    if (names.has(name) || name === '__metadata__') throw new SafetensorsError('duplicate_name', { file, tensor: name }, 'cannot be written twice, or under the name of the metadata');
    names.add(name);
    // Put together as text: a name such as __proto__ or 12 would change an object's members or their order.
    const entry = `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [at, at + bytes] })}`;
    at += bytes;
    return entry;
  });
  // Loaders of Hugging Face refuse a file that does not say which framework its tensors are for.
  const json = Buffer.from(`{${['"__metadata__":{"format":"pt"}', ...entries].join(',')}}`);
  const padded = Math.ceil(json.length / 8) * 8;
  if (padded > MAX_HEADER_BYTES) throw new SafetensorsError('header_too_large', { file }, `its header would have ${padded} bytes, more than the ${MAX_HEADER_BYTES} that readers allow: use smaller shards`);
  const header = Buffer.alloc(LENGTH_BYTES + padded, ' ');
  header.writeBigUInt64LE(BigInt(padded), 0);
  json.copy(header, LENGTH_BYTES);
  return header;
}

/** Writes one safetensors file front to back: the header at once, then each tensor in the order announced. */
export class SafetensorsWriter {
  readonly #name: string;
  readonly #handle: FileHandle;
  readonly #tensors: readonly TensorSpec[];
  #next = 0;
  #bytes: number;

  private constructor(name: string, handle: FileHandle, tensors: readonly TensorSpec[], headerBytes: number) {
    this.#name = name;
    this.#handle = handle;
    this.#tensors = tensors;
    this.#bytes = headerBytes;
  }

  /** Fails where there is a file already. */
  static async create(path: string, tensors: readonly TensorSpec[]): Promise<SafetensorsWriter> {
    const header = encodeHeader(basename(path), tensors);
    const handle = await open(path, 'wx');
    try {
      await writeAll(handle, header);
    } catch (error) {
      await handle.close();
      throw error;
    }
    return new SafetensorsWriter(basename(path), handle, tensors, header.length);
  }

  /**
   * Writes the next tensor. A piece is written while the one after it is made: it must stay as it is until the one after
   * the next is asked for. Throws SafetensorsError `write_mismatch` for another tensor or another number of bytes.
   */
  async writeTensor(name: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    const tensor = this.#tensors[this.#next];
    const at = { file: this.#name, tensor: name };
    if (tensor?.name !== name) throw new SafetensorsError('write_mismatch', at, `was given where ${tensor?.name ?? 'the end'} was announced`);
    const expected = tensorBytes(tensor.dtype, tensor.shape);
    let written = 0;
    let pending: Promise<void> = Promise.resolve();
    try {
      for await (const piece of pieces) {
        await pending;
        pending = writeAll(this.#handle, piece);
        pending.catch(() => undefined);
        written += piece.length;
      }
    } finally {
      await pending;
    }
    if (written !== expected) throw new SafetensorsError('write_mismatch', at, `was given ${written} bytes where ${expected} were announced`);
    this.#bytes += written;
    this.#next += 1;
  }

  /** Flushes the file to the disk and closes it; gives its size. Throws where an announced tensor was not written. */
  async finish(): Promise<number> {
    const missing = this.#tensors[this.#next];
    if (missing !== undefined) throw new SafetensorsError('write_mismatch', { file: this.#name, tensor: missing.name }, 'was announced and not written');
    await this.#handle.sync();
    await this.#handle.close();
    return this.#bytes;
  }

  /** Closes the file as it is; nothing after `finish`. */
  async abandon(): Promise<void> {
    await this.#handle.close();
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  // A nearly full disk takes a part without an error; only the next write fails.
  for (let done = 0; done < bytes.length; ) done += (await handle.write(bytes, done, bytes.length - done, null)).bytesWritten;
}
