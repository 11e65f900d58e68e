import type { FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import { openUntrusted, readUpTo } from '../artifacts/bounded-file.js';
import type { ChunkRing } from './chunks.js';
import { headerLength, LENGTH_BYTES, parseHeader } from './header.js';
import type { SafetensorsHeader, TensorInfo } from './header.js';
import { SafetensorsError } from './safetensors-error.js';

/** An open safetensors file. Its header was checked whole, so no read can leave the file as it was when opened. */
export class SafetensorsFile {
  /** Its name without the folder, for messages. */
  readonly name: string;
  readonly header: SafetensorsHeader;
  readonly #handle: FileHandle;

  private constructor(name: string, header: SafetensorsHeader, handle: FileHandle) {
    this.name = name;
    this.header = header;
    this.#handle = handle;
  }

  /** Throws SafetensorsError where the header breaks a rule of the format, and the system's error where it can't be read. */
  static async open(path: string): Promise<SafetensorsFile> {
    const name = basename(path);
    const handle = await openUntrusted(path);
    try {
      const there = await handle.stat();
      if (!there.isFile()) throw new SafetensorsError('path_refused', { file: name }, 'is no regular file');
      const fileBytes = there.size;
      const first = await readUpTo(handle, Buffer.alloc(LENGTH_BYTES), 0);
      const length = headerLength(name, first, fileBytes);
      const json = await readUpTo(handle, Buffer.allocUnsafeSlow(length), LENGTH_BYTES);
      if (json.length < length) throw new SafetensorsError('shrank_while_read', { file: name }, 'ended while its header was read');
      return new SafetensorsFile(name, parseHeader(name, json, fileBytes), handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /**
   * A tensor's bytes, front to back, in pieces of at most the ring's size that begin and end between elements. The next
   * piece is read while the caller works on one; `ring` says how long a piece stays. Throws SafetensorsError
   * `shrank_while_read` if the file has become shorter since it was opened.
   */
  async *readTensor(tensor: TensorInfo, ring: ChunkRing): AsyncGenerator<Uint8Array, void, undefined> {
    const readAt = (done: number): Promise<Buffer> => {
      const pending = readUpTo(this.#handle, ring.next().subarray(0, Math.min(ring.chunkBytes, tensor.bytes - done)), tensor.begin + done);
      // Without this an error that arrives while the caller works on the piece before would end the process.
      pending.catch(() => undefined);
      return pending;
    };
    if (tensor.bytes === 0) return;
    let pending = readAt(0);
    for (let done = 0; done < tensor.bytes; ) {
      const piece = await pending;
      const wanted = Math.min(ring.chunkBytes, tensor.bytes - done);
      if (piece.length < wanted) throw new SafetensorsError('shrank_while_read', { file: this.name, tensor: tensor.name }, `the file ended while it was read, after ${done + piece.length} of ${tensor.bytes} bytes`);
      done += piece.length;
      if (done < tensor.bytes) pending = readAt(done);
      yield piece;
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
