import { createInterface } from 'node:readline';
import type { CliContext } from './context.js';

/** Asks on the terminal; anything but y or yes, the end of the input and an interruption are a no. */
export async function confirm(question: string, { stderr, signal }: Pick<CliContext, 'stderr' | 'signal'>): Promise<boolean> {
  stderr.write(`${question} [y/N] `);
  // Not as a terminal: the system edits the line, and Ctrl-C stays a signal instead of becoming a key.
  const lines = createInterface({ input: process.stdin, terminal: false });
  try {
    return await new Promise<boolean>((answer) => {
      lines.once('line', (line) => answer(/^y(es)?$/i.test(line.trim())));
      lines.once('close', () => answer(false));
      signal.addEventListener('abort', () => answer(false), { once: true });
    });
  } finally {
    lines.close();
    process.stdin.pause();
  }
}
