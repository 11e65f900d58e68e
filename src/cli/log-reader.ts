import { open } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { isErrno } from '../client/home.js';

const CHUNK_BYTES = 256 * 1024;
/** A line longer than this is given out in pieces, so that a log without line ends does not fill the memory. */
const MAX_LINE = 64 * 1024;

// Operating-system commands (titles, links), control sequences but for colours, other escapes, and their 8-bit forms.
// eslint-disable-next-line no-control-regex -- taking them out is the point
const SEQUENCES = /\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\|$)|\u001b\[[0-?]*[ -/]*(?:[@-ln-~]|$)|\u009b[0-?]*[ -/]*[@-~]?|\u001b(?!\[)[ -/]*[0-~]?/g;
// eslint-disable-next-line no-control-regex -- colours, which stay where colours are wanted
const COLORS = /\u001b\[[0-9;:]*m/g;
// eslint-disable-next-line no-control-regex -- control, bidirectional and zero-width characters
const CONTROLS = /[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/g;

/**
 * A line of a log as it may be shown in a terminal: no control characters but tabs and, where `color` is set, colours.
 * A program's output must not be able to move the cursor, rename the window or answer for the keyboard.
 */
export function cleanLine(line: string, color: boolean): string {
  const text = line.replace(SEQUENCES, '').replace(CONTROLS, '');
  if (!color) return text.replace(COLORS, '').replaceAll('\u001b', '');
  const kept = text.replace(/\u001b(?!\[[0-9;:]*m)/g, ''); // eslint-disable-line no-control-regex -- whatever is no colour
  // A colour that the line leaves on would run into whatever is printed next.
  return kept.includes('\u001b') ? `${kept}\u001b[0m` : kept;
}

/** Reads a file that grows, line by line; it need not exist yet. */
export class LogReader {
  private offset: number;
  private decoder = new StringDecoder('utf8');
  private partial = '';

  constructor(
    private readonly path: string,
    options: { offset?: number } = {},
  ) {
    this.offset = options.offset ?? 0;
  }

  /** Hands out the whole lines that came since the last call. A carriage return ends a line too: progress bars use it. */
  async read(onLine: (line: string) => void): Promise<void> {
    const file = await openIfThere(this.path);
    if (file === undefined) return;
    try {
      const buffer = Buffer.alloc(CHUNK_BYTES);
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, this.offset);
        if (bytesRead === 0) return;
        this.offset += bytesRead;
        this.take(this.decoder.write(buffer.subarray(0, bytesRead)), onLine);
      }
    } finally {
      await file.close();
    }
  }

  /** Hands out what stands after the last line's end: for a log that will not grow any more. */
  flush(onLine: (line: string) => void): void {
    const rest = this.partial + this.decoder.end();
    this.partial = '';
    if (rest !== '') onLine(rest);
  }

  private take(text: string, onLine: (line: string) => void): void {
    const lines = (this.partial + text).split(/\r*\n|\r+(?!\n|$)/);
    this.partial = lines.pop() ?? '';
    for (const line of lines) onLine(line);
    while (this.partial.length > MAX_LINE) {
      onLine(this.partial.slice(0, MAX_LINE));
      this.partial = this.partial.slice(MAX_LINE);
    }
  }
}

/** Where the last `lines` lines of a file begin; 0 where it has no more, or does not exist. */
export async function offsetOfLast(path: string, lines: number): Promise<number> {
  const file = await openIfThere(path);
  if (file === undefined) return 0;
  try {
    const { size } = await file.stat();
    const buffer = Buffer.alloc(CHUNK_BYTES);
    // The newline at the very end closes the last line and begins none.
    let missing = lines + 1;
    for (let end = size; end > 0; ) {
      const start = Math.max(0, end - CHUNK_BYTES);
      await file.read(buffer, 0, end - start, start);
      const last = end === size && buffer[end - start - 1] !== 10;
      if (last) missing -= 1;
      for (let i = end - start - 1; i >= 0; i -= 1) {
        if (buffer[i] === 10 && --missing === 0) return start + i + 1;
      }
      end = start;
    }
    return 0;
  } finally {
    await file.close();
  }
}

async function openIfThere(path: string): Promise<Awaited<ReturnType<typeof open>> | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
