import { endianness } from 'node:os';
import type { FileHandle } from 'node:fs/promises';
import { compareBf16, countBf16, noStats } from './values.js';
import type { ValueStats } from './values.js';
import { fill } from './weights.js';
import type { AuditedTensor } from './weights.js';

if (endianness() !== 'LE') throw new Error('auditing checkpoints needs a little-endian machine');

/** What is compared at a time, of the wider side: enough that a read costs nothing beside its bytes. */
const PIECE_BYTES = 1 << 20;

/** Room for two pieces of source and target: the next is read while one is compared. Held for a whole audit. */
export class Workspace {
  readonly source = [buffer(), buffer()] as const;
  readonly target = [buffer(), buffer()] as const;
}

const buffer = (): Buffer => Buffer.allocUnsafeSlow(PIECE_BYTES);

export interface Side {
  tensor: AuditedTensor;
  handle: FileHandle;
}

interface Room {
  space: Workspace;
  signal: AbortSignal | undefined;
}

/**
 * F32 against BF16, value for value. Both have the same shape. Throws where a file ends before its tensor does, and the
 * signal's reason when that aborts between two pieces.
 */
export async function compareRounded(source: Side, target: Side, room: Room): Promise<ValueStats> {
  const stats = noStats();
  await eachPair(source, target, { source: 4, target: 2 }, room, (s, t) => {
    compareBf16(new Float32Array(s.buffer, s.byteOffset, s.length / 4), new Uint16Array(t.buffer, t.byteOffset, t.length / 2), stats);
  });
  return stats;
}

/** Byte for byte, where the dtype stays as it is. Both have the same number of bytes. Throws as `compareRounded` does. */
export async function compareCopied(source: Side, target: Side, room: Room): Promise<{ same: boolean; stats: ValueStats }> {
  const stats = noStats();
  let same = true;
  await eachPair(source, target, { source: 1, target: 1 }, room, (s, t) => {
    if (!s.equals(t)) same = false;
    if (source.tensor.dtype === 'BF16') countBf16(new Uint16Array(s.buffer, s.byteOffset, s.length / 2), stats);
  });
  stats.compared = source.tensor.shape.reduce((product, dimension) => product * dimension, 1);
  return { same, stats };
}

/** Calls `compare` with pieces of both that hold the same elements. */
async function eachPair(source: Side, target: Side, width: { source: number; target: number }, { space, signal }: Room, compare: (source: Buffer, target: Buffer) => void): Promise<void> {
  const units = source.tensor.bytes / width.source;
  const perPiece = PIECE_BYTES / width.source;
  const read = async (done: number, turn: 0 | 1): Promise<[Buffer, Buffer]> => {
    const count = Math.min(perPiece, units - done);
    const pieces: [Buffer, Buffer] = [space.source[turn].subarray(0, count * width.source), space.target[turn].subarray(0, count * width.target)];
    const whole = await Promise.all([fill(source.handle, pieces[0], source.tensor.begin + done * width.source), fill(target.handle, pieces[1], target.tensor.begin + done * width.target)]);
    if (whole.includes(false)) throw new Error(`a file ended while ${source.tensor.name} was compared`);
    return pieces;
  };
  let turn: 0 | 1 = 0;
  let pending = read(0, turn);
  for (let done = 0; done < units; done += perPiece) {
    const [s, t] = await pending;
    signal?.throwIfAborted();
    turn = turn === 0 ? 1 : 0;
    if (done + perPiece < units) {
      pending = read(done + perPiece, turn);
      // Its error is thrown where it is awaited; until then it must not end the process.
      pending.catch(() => undefined);
    }
    compare(s, t);
  }
  await pending;
}
