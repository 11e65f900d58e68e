import { closeSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { Output } from './context.js';

/** Nobody reads any more: the other end of a pipe is closed, or the terminal is. */
const GONE: readonly string[] = ['EPIPE', 'EIO'];

interface Stream {
  write(text: string): unknown;
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown;
}

/**
 * A stream whose reader may go away. Then `onGone` is called, once, and what is written later is dropped. Another
 * error goes to `onError`: an error that nobody takes would end the process, whatever it has running.
 */
export function guardedOutput(stream: Stream, { onGone, onError }: { onGone: () => void; onError: (error: Error) => void }): Output {
  let gone = false;
  stream.on('error', (error) => {
    if (!GONE.includes(error.code ?? '')) return onError(error);
    if (gone) return;
    gone = true;
    onGone();
  });
  return {
    write: (text) => {
      if (!gone) stream.write(text);
    },
  };
}

/**
 * On its way out Node puts every terminal back as it found it, and aborts with a core dump where that terminal is gone
 * by then. It leaves a closed one alone.
 */
export function leaveClosedTerminals(): void {
  const terminals = [0, 1, 2].filter((fd) => isatty(fd));
  process.on('exit', () => {
    for (const fd of terminals) if (!isatty(fd)) closeSync(fd);
  });
}
