/** By custom 128 plus the signal's number. A closed terminal (SIGHUP) is a request to end like SIGTERM. */
const EXIT_BY_SIGNAL = { SIGINT: 130, SIGTERM: 143, SIGHUP: 143 } as const;
type EndSignal = keyof typeof EXIT_BY_SIGNAL;

/** npm and npx pass on a Ctrl-C that the terminal sends us as well: what comes so soon is no second wish. */
const SAME_WISH_MS = 1000;

/** The first signal asks for the end, any later one for haste. Output that nobody reads any more (`closed`) is like SIGHUP, but never haste. */
export class EndSignals {
  readonly #first = new AbortController();
  readonly #second = new AbortController();
  #received: EndSignal | undefined;
  #receivedAtMs = 0;
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (this.#received !== undefined) {
      if (Date.now() - this.#receivedAtMs > SAME_WISH_MS) this.#second.abort();
      return;
    }
    this.#received = signal as EndSignal;
    this.#receivedAtMs = Date.now();
    this.#first.abort(new Error(`interrupted by ${signal}`));
  };

  readonly #onClosed = (): void => {
    if (this.#received === undefined) this.#onSignal('SIGHUP');
  };

  constructor(private readonly closed: AbortSignal) {
    closed.addEventListener('abort', this.#onClosed);
    if (closed.aborted) this.#onClosed();
    for (const signal of Object.keys(EXIT_BY_SIGNAL)) process.on(signal, this.#onSignal);
  }

  get first(): AbortSignal {
    return this.#first.signal;
  }

  get second(): AbortSignal {
    return this.#second.signal;
  }

  get exitCode(): number {
    return EXIT_BY_SIGNAL[this.#received ?? 'SIGTERM'];
  }

  async wait(): Promise<void> {
    if (!this.first.aborted) await new Promise((resolve) => this.first.addEventListener('abort', resolve, { once: true }));
  }

  dispose(): void {
    this.closed.removeEventListener('abort', this.#onClosed);
    for (const signal of Object.keys(EXIT_BY_SIGNAL)) process.off(signal, this.#onSignal);
  }
}
