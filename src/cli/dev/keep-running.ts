import { messageOf } from '../../client/errors.js';
import type { BackgroundProcess, ProcessEnd } from '../../engines/temporal-server/background-process.js';

/** The first restart is nearly at once, since what died was working a moment ago; then we spare the machine. */
const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 30_000;
/** What ran this long counts as healthy: its next end is a new trouble, with the first delay again. */
const HEALTHY_MS = 60_000;

export interface KeepRunningInput<P extends BackgroundProcess> {
  /** For messages: `The Temporal server`. */
  name: string;
  first: P;
  /** Starts it again; must reject, and leave nothing running, when the signal is aborted. */
  start: (signal: AbortSignal) => Promise<P>;
  /** Called with each new process before it is watched. */
  onStarted: (process: P) => Promise<void>;
  say: (message: string) => void;
}

export interface KeptRunning {
  /** No restarts any more; ends what runs. `hurry` kills it at once. Resolves when it is gone. */
  stop(options: { graceMs: number; hurry: AbortSignal }): Promise<void>;
}

/** Starts a process again whenever it ends, with growing delays, until it is told to stop. */
export function keepRunning<P extends BackgroundProcess>({ name, first, start, onStarted, say }: KeepRunningInput<P>): KeptRunning {
  const stopping = new AbortController();
  let current: P | undefined = first;
  const loop = watch();

  async function watch(): Promise<void> {
    let delayMs = FIRST_DELAY_MS;
    let startedAt = Date.now();
    let trouble: string | undefined;
    while (!stopping.signal.aborted) {
      if (current !== undefined) {
        const end = await current.ended;
        current = undefined;
        if (stopping.signal.aborted) return;
        if (Date.now() - startedAt > HEALTHY_MS) delayMs = FIRST_DELAY_MS;
        trouble = describeEnd(end);
      }
      say(`${name} ${trouble}; starting it again in ${delayMs / 1000} s`);
      await sleep(delayMs, stopping.signal);
      delayMs = Math.min(delayMs * 2, LONGEST_DELAY_MS);
      if (stopping.signal.aborted) return;
      try {
        startedAt = Date.now();
        current = await start(stopping.signal);
      } catch (error) {
        trouble = `does not start (${messageOf(error)})`;
        continue;
      }
      say(`${name} runs again (pid ${current.pid})`);
      await onStarted(current).catch((error: unknown) => say(`${name} runs, but that cannot be written down: ${messageOf(error)}`));
    }
  }

  return {
    async stop({ graceMs, hurry }) {
      stopping.abort(new Error('stopping'));
      const kill = (): void => current?.kill('SIGKILL');
      hurry.addEventListener('abort', kill);
      try {
        await current?.stop(hurry.aborted ? 0 : graceMs);
        await loop;
        await current?.stop(0); // one that was just starting again
      } finally {
        hurry.removeEventListener('abort', kill);
      }
    },
  };
}

function describeEnd({ code, signal }: ProcessEnd): string {
  return signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(finish, ms);
    function finish(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      done();
    }
    signal.addEventListener('abort', finish);
  });
}
