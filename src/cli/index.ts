import type { CommandEntry } from './registry.js';
import { main } from './main.js';
import { guardedOutput } from './streams.js';

/** Time for a command to write its last line and close its connection after a signal. */
const SIGNAL_GRACE_MS = 500;
/** After a command is done nothing should be left; a connection that does not close must not hold the shell. */
const EXIT_GRACE_MS = 2000;

const EXIT_BY_SIGNAL = { SIGINT: 130, SIGTERM: 143 } as const;

/** `ferry` as a process: its streams, its signals and its exit code. */
export async function runProcess(argv: readonly string[]): Promise<void> {
  const interrupted = new AbortController();
  let received: keyof typeof EXIT_BY_SIGNAL | undefined;
  let mode: NonNullable<CommandEntry['signals']> = 'end';
  const onSignal = (signal: keyof typeof EXIT_BY_SIGNAL): void => {
    // The second one is impatience: whatever the first began is not waited for.
    if (received !== undefined) process.exit(EXIT_BY_SIGNAL[signal]);
    received = signal;
    interrupted.abort(new Error(`interrupted by ${signal}`));
    if (mode === 'end') setTimeout(() => process.exit(EXIT_BY_SIGNAL[signal]), SIGNAL_GRACE_MS).unref();
  };

  const guards = {
    onGone: (code: 'EPIPE' | 'EIO'): void => {
      // `ferry list | head -1` closes the pipe early, which is no error of anybody's; an answer that a disk lost is one.
      if (mode === 'end') process.exit(code === 'EPIPE' ? undefined : 1);
      // What has processes of its own must end them first; a worker needs no reader at all.
      if (mode === 'own') interrupted.abort(new Error('interrupted: nobody reads the output any more'));
    },
    onError: (error: Error): void => {
      // A log that cannot be written (a full disk) is no reason to leave servers and workers behind.
      if (mode === 'end') throw error;
    },
  };
  const code = await main(argv, {
    env: process.env,
    cwd: process.cwd(),
    stdout: guardedOutput(process.stdout, guards),
    stderr: guardedOutput(process.stderr, guards),
    isTty: process.stdout.isTTY,
    canAsk: process.stdin.isTTY && process.stderr.isTTY,
    columns: process.stdout.columns || 80,
    rows: process.stdout.rows || 24,
    signal: interrupted.signal,
    heed(signals) {
      mode = signals;
      // These outlive a terminal; the others end with it.
      if (signals !== 'end') void import('./terminals.js').then(({ leaveClosedTerminals }) => leaveClosedTerminals());
      if (signals === 'own') return;
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => onSignal(signal));
    },
  });
  process.exitCode = received !== undefined && mode === 'end' ? EXIT_BY_SIGNAL[received] : code;
  setTimeout(() => process.exit(), EXIT_GRACE_MS).unref();
}
