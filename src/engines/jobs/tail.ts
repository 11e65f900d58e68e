import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { systemCode } from '../artifacts/store-error.js';

const MAX_LINE = 500;
const CHUNK_BYTES = 1 << 20;
/** The last lines are looked for within this; a longer single line isn't worth more. */
const TAIL_BYTES = 1 << 20;

/** The end of a job's log. */
export interface LogTail {
  /** Oldest first, without control characters, each of at most 500 characters. */
  lines: string[];
  /** Of the whole log. */
  lineCount: number;
}

/** The last lines of a log, and how many there are; nothing where there is no log yet. */
export function tailFile(path: string, lines: number): LogTail {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return { lines: [], lineCount: 0 };
    throw error;
  }
  try {
    const { size } = fstatSync(fd);
    const tailFrom = Math.max(0, size - TAIL_BYTES);
    const tail = Buffer.alloc(size - tailFrom);
    const tailLength = readSync(fd, tail, 0, tail.length, tailFrom);
    const text = tail.subarray(0, tailLength).toString('utf8');
    const all = text.split('\n');
    const unfinished = all.at(-1) !== '';
    if (!unfinished) all.pop();
    const lineCount = countNewlines(fd, size) + (unfinished && size > 0 ? 1 : 0);
    return { lines: size === 0 ? [] : all.slice(-lines).map(clean), lineCount };
  } finally {
    closeSync(fd);
  }
}

function countNewlines(fd: number, size: number): number {
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(1, size)));
  let count = 0;
  for (let offset = 0; offset < size; ) {
    const length = readSync(fd, buffer, 0, buffer.length, offset);
    if (length === 0) break;
    offset += length;
    const chunk = buffer.subarray(0, length);
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) count += 1;
  }
  return count;
}

/** A progress bar redraws its line with carriage returns: only what would be seen last is kept. */
function clean(line: string): string {
  const visible = stripVTControlCharacters(line).replace(/\r+$/, '').split('\r').at(-1) ?? '';
  return visible.replaceAll('\t', ' ').replace(/\p{Cc}/gu, '').slice(0, MAX_LINE);
}
