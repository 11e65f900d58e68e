import { msToTs } from '@temporalio/common/lib/time.js';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { RehearsalError } from './rehearsal-error.js';

type TestService = NonNullable<TestWorkflowEnvironment['connection']['testService']>;

/**
 * The clock of the time-skipping server.
 *
 * The server counts locks (SelfAdvancingTimerImpl of the Java SDK). While there is one, its time goes at the pace of
 * the wall clock; without any it jumps to the next timer. It begins with one lock, and takes one for every workflow task
 * and every activity that is scheduled and has not ended: a watched job alone would hold time for ever. So whoever
 * waits inside an activity gives that activity's lock back while it sleeps (`unlockTimeSkippingWithSleep`: one lock less,
 * and one more in the very moment at which the time has come, so that nothing is jumped over in between). Time jumps
 * only when everybody sleeps: two jobs side by side, one of which is at work, hold it.
 */
export class SkippedTime {
  readonly #service: TestService;
  readonly #connection: TestWorkflowEnvironment['connection'];
  readonly #sleeps = new Set<AbortController>();

  constructor(environment: TestWorkflowEnvironment) {
    this.#connection = environment.connection;
    const { testService } = environment.connection;
    if (testService === undefined || testService === null) throw new RehearsalError('closed', 'the server of this rehearsal has no service for skipping time');
    this.#service = testService;
  }

  /** The server's time, in milliseconds since 1970. */
  async now(): Promise<number> {
    const { time } = await this.#service.getCurrentTime({});
    return Number(time?.seconds ?? 0) * 1000 + Math.floor((time?.nanos ?? 0) / 1e6);
  }

  /**
   * Gives one lock back until the server's time is `atMs`, or `signal` ends the sleep before. Resolves to whether the
   * time has come. The caller must hold a lock: that of its activity, of `hold`, or the server's first one. `fromMs` is
   * the server's time, where the caller has just asked for it.
   */
  async sleepUntil(atMs: number, { signal, fromMs }: { signal?: AbortSignal; fromMs?: number } = {}): Promise<boolean> {
    if (signal?.aborted === true) return false;
    const ms = Math.ceil(atMs - (fromMs ?? (await this.now())));
    if (ms <= 0) return true;
    const slept = this.#untilClosed(() => this.#service.unlockTimeSkippingWithSleep({ duration: msToTs(ms) })).then(() => true);
    if (signal === undefined) return await slept;
    let onAbort = (): void => undefined;
    const ended = new Promise<false>((resolve) => {
      onAbort = () => resolve(false);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
    });
    try {
      if (await Promise.race([slept, ended])) return true;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
    // The server can't be told to end a sleep: it takes the lock back when the time has come. Ours stands in for it until
    // then; where the server is gone first, nobody counts any more.
    await this.#service.lockTimeSkipping({});
    slept.then(() => this.#service.unlockTimeSkipping({})).catch(() => undefined);
    return false;
  }

  /** Keeps time from jumping until the returned function is called. */
  async hold(): Promise<() => Promise<void>> {
    await this.#service.lockTimeSkipping({});
    return async () => {
      await this.#service.unlockTimeSkipping({});
    };
  }

  /** Takes one lock off that its holder will never take off itself. */
  async giveBack(): Promise<void> {
    await this.#service.unlockTimeSkipping({});
  }

  /** Lets time jump, as far as nobody else holds it, while something is waited for. */
  async flowing<T>(work: () => Promise<T>): Promise<T> {
    await this.#service.unlockTimeSkipping({});
    try {
      return await work();
    } finally {
      await this.#service.lockTimeSkipping({});
    }
  }

  /** Resolves when the server's time is `atMs`, whoever moves it; holds nothing and gives nothing back. Rejects when the server goes away. */
  async reached(atMs: number): Promise<void> {
    await this.#untilClosed(() => this.#service.sleepUntil({ timestamp: msToTs(atMs) }));
  }

  /** Ends every sleep: to be called before the connection is closed. */
  close(): void {
    for (const sleep of this.#sleeps) sleep.abort();
  }

  /** The SDK repeats a call whose connection has gone, and does so from a timer, where nobody can catch what that throws. */
  async #untilClosed<T>(call: () => Promise<T>): Promise<T> {
    const sleep = new AbortController();
    this.#sleeps.add(sleep);
    try {
      return await this.#connection.withAbortSignal(sleep.signal, call);
    } finally {
      this.#sleeps.delete(sleep);
    }
  }
}
