import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { StoreError } from './store-error.js';
import { fileStat, sameStat } from './tree.js';
import type { FileStat } from './tree.js';

/** Large enough that the calls cost nothing beside the hashing, small enough for many lanes on a small machine. */
const CHUNK_BYTES = 1 << 20;

export interface HashedFile {
  sha256: string;
  stat: FileStat;
}

/** The sha256 of one file. Throws a StoreError if the file changed meanwhile: such a hash is of no state it ever had. */
export async function hashFile(path: string, options: { sync?: boolean } = {}): Promise<HashedFile> {
  const handle = await open(path, 'r');
  try {
    const before = fileStat(await handle.stat({ bigint: true }));
    const hash = createHash('sha256');
    let bytes = 0;
    // Two buffers: the next piece is read while the last one is hashed.
    const buffers = [Buffer.allocUnsafe(Math.min(CHUNK_BYTES, before.bytes + 1)), Buffer.allocUnsafe(Math.min(CHUNK_BYTES, before.bytes + 1))] as const;
    let turn: 0 | 1 = 0;
    let pending = handle.read(buffers[turn], 0, buffers[turn].length, null);
    for (;;) {
      const { bytesRead, buffer } = await pending;
      if (bytesRead === 0) break;
      turn = turn === 0 ? 1 : 0;
      pending = handle.read(buffers[turn], 0, buffers[turn].length, null);
      hash.update(buffer.subarray(0, bytesRead));
      bytes += bytesRead;
    }
    if (options.sync) await handle.sync();
    const after = fileStat(await handle.stat({ bigint: true }));
    if (!sameStat(before, after) || bytes !== after.bytes) {
      throw new StoreError('storage_error', `${path} changed while it was hashed: end whatever writes to it first`, [path]);
    }
    return { sha256: hash.digest('hex'), stat: after };
  } finally {
    await handle.close();
  }
}
