import type { Output } from './context.js';

/** Nobody reads any more: the other end of a pipe is closed, or the terminal is. */
const isGone = (code: string | undefined): code is 'EPIPE' | 'EIO' => code === 'EPIPE' || code === 'EIO';

interface Stream {
  write(text: string): unknown;
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown;
}

/**
 * A stream whose reader may go away. Then `onGone` is called, once, and what is written later is dropped. Another
 * error goes to `onError`: an error that nobody takes would end the process, whatever it has running.
 */
export function guardedOutput(stream: Stream, { onGone, onError }: { onGone: (code: 'EPIPE' | 'EIO') => void; onError: (error: Error) => void }): Output {
  let gone = false;
  stream.on('error', (error) => {
    const code = error.code;
    if (!isGone(code)) return onError(error);
    if (gone) return;
    gone = true;
    onGone(code);
  });
  return {
    write: (text) => {
      if (!gone) stream.write(text);
    },
  };
}
