import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
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
    const handle = await open(path, 'r');
    try {
      const fileBytes = (await handle.stat()).size;
      const first = await readUpTo(handle, Buffer.alloc(LENGTH_BYTES), 0);
      const length = headerLength(name, first, fileBytes);
      const json = await readUpTo(handle, Buffer.allocUnsafeSlow(length), LENGTH_BYTES);
      if (json.length < length) throw new SafetensorsError('header_truncated', { file: name }, 'ended while its header was read');
      return new SafetensorsFile(name, parseHeader(name, json, fileBytes), handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /**
   * A tensor's bytes, front to back, in pieces of at most the ring's size that begin and end between elements. The next
   * piece is read while the caller works on one; `ring` says how long a piece stays. Throws SafetensorsError
   * `data_truncated` if the file has become shorter since it was opened.
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
      if (piece.length < wanted) throw new SafetensorsError('data_truncated', { file: this.name, tensor: tensor.name }, `the file ended while it was read, after ${done + piece.length} of ${tensor.bytes} bytes`);
      done += piece.length;
      if (done < tensor.bytes) pending = readAt(done);
      yield piece;
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** Fills the buffer from a position in the file; what comes back is shorter where the file ends before. */
async function readUpTo(handle: FileHandle, buffer: Buffer, position: number): Promise<Buffer> {
  let done = 0;
  while (done < buffer.length) {
    const { bytesRead } = await handle.read(buffer, done, buffer.length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return buffer.subarray(0, done);
}
