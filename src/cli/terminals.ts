import { closeSync } from 'node:fs';
import { isatty } from 'node:tty';

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
