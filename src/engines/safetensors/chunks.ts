/** Large enough that a call costs nothing beside the copying, small enough to stay in a processor's cache. */
export const CHUNK_BYTES = 1 << 20;

/**
 * Three buffers in turn, for one reader. A piece lies in one while the next is being read into another; the third lets
 * a writer be one piece behind. So a piece stays as it is until the one after the next is asked for.
 */
export class ChunkRing {
  readonly chunkBytes: number;
  readonly #buffers: Buffer[] = [];
  #turn = 0;

  /** @param chunkBytes a multiple of 8, so that no element of any dtype is cut in two */
  constructor(chunkBytes: number = CHUNK_BYTES) {
    if (chunkBytes <= 0 || chunkBytes % 8 !== 0) throw new RangeError(`a chunk of ${chunkBytes} bytes would cut an element in two`);
    this.chunkBytes = chunkBytes;
  }

  next(): Buffer {
    this.#turn = (this.#turn + 1) % 3;
    // A buffer of its own, never a part of Node's pool: views of 32 bits need its offset to be 0.
    return (this.#buffers[this.#turn] ??= Buffer.allocUnsafeSlow(this.chunkBytes));
  }
}
