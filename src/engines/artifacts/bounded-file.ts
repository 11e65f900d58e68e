import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { systemCode } from './store-error.js';

/**
 * Opens a file whose path somebody else chose. A link could lead anywhere, and without O_NONBLOCK a pipe in the file's
 * place would hold its reader for ever. What it opens need not be a regular file: the caller looks. Throws the system's
 * error, ELOOP for a link.
 */
export const openUntrusted = (path: string): Promise<FileHandle> => open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);

/**
 * The text of a file that is small where it is right, or undefined where there is none.
 * @param refuse makes the error for what is no regular file or has more than `maxBytes`, of words to put after its name
 */
export async function readBounded(path: string, maxBytes: number, refuse: (what: string) => Error): Promise<string | undefined> {
  let handle: FileHandle;
  try {
    handle = await openUntrusted(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    // ENXIO: a socket.
    if (systemCode(error) === 'ELOOP' || systemCode(error) === 'ENXIO') throw refuse('is no regular file');
    throw error;
  }
  try {
    const there = await handle.stat();
    if (!there.isFile()) throw refuse('is no regular file');
    if (there.size > maxBytes) throw refuse(`has ${there.size} bytes; at most ${maxBytes} are read`);
    return (await readUpTo(handle, Buffer.allocUnsafeSlow(there.size), 0)).toString('utf8');
  } finally {
    await handle.close();
  }
}

/** Fills the buffer from a position in the file, however little one read gives; what comes back is shorter where the file ends before. */
export async function readUpTo(handle: FileHandle, buffer: Buffer, position: number): Promise<Buffer> {
  let done = 0;
  while (done < buffer.length) {
    const { bytesRead } = await handle.read(buffer, done, buffer.length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return buffer.subarray(0, done);
}
