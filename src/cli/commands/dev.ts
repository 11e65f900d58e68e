import type { Command } from 'commander';
import { mkdir } from 'node:fs/promises';
import * as z from 'zod';
import { ClientError, EXIT_UNREACHABLE, EXIT_USAGE } from '../../client/errors.js';
import { ServerNotFoundError } from '../../engines/temporal-server/find-server.js';
import { PortTakenError } from '../../engines/temporal-server/ports.js';
import { ServerStartError } from '../../engines/temporal-server/server-process.js';
import type { CliContext } from '../context.js';
import { prepareDevSite, type DevSite } from '../dev/dev-site.js';
import { startDev, type RunningDev } from '../dev/run-dev.js';

/** By custom 128 plus the signal's number. A closed terminal (SIGHUP) is a request to end like SIGTERM. */
const EXIT_BY_SIGNAL = { SIGINT: 130, SIGTERM: 143, SIGHUP: 143 } as const;
type EndSignal = keyof typeof EXIT_BY_SIGNAL;

const Port = z.coerce.number().int().min(0).max(65_535);
const Options = z.object({ port: Port, uiPort: Port, headless: z.boolean().default(false) });

export function configure(command: Command): void {
  command
    .description('run a Temporal server with its Web UI and a worker on this machine, until Ctrl-C')
    .option('--port <n>', 'port of the server; 0 picks a free one and keeps it', '7233')
    .option('--ui-port <n>', 'port of the Web UI; 0 picks a free one and keeps it', '8233')
    .option('--headless', 'start no Web UI')
    .addHelpText(
      'after',
      `
Data lives in $FERRY_HOME. With TEMPORAL_ADDRESS, --address or a profile no server is started, only a worker for that one.
Ctrl-C lets the jobs save first; the next ferry dev goes on from there. A second Ctrl-C does not wait for them.

Examples:
  $ ferry dev
  $ ferry dev --port 0 --ui-port 0 --json
  $ FERRY_HOME=/data/ferry ferry dev --headless
  $ TEMPORAL_ADDRESS=temporal.example:7233 ferry dev`,
    );
}

/** Stays until a signal ends it; resolves with 130 or 143 then. */
export async function run(context: CliContext, _args: string[], options: unknown): Promise<number> {
  const parsed = Options.safeParse(options);
  if (!parsed.success) {
    const flag = parsed.error.issues[0]?.path[0] === 'uiPort' ? '--ui-port' : '--port';
    throw new ClientError({ code: 'usage', message: `${flag} is a number from 0 to 65535`, hint: `Let ferry pick a free one with: ferry dev ${flag} 0`, exitCode: EXIT_USAGE });
  }
  const say = (message: string): void => void context.stderr.write(`${message}\n`);
  const signals = new EndSignals(context.signal);
  try {
    const { home, cwd, env } = context;
    await mkdir(home, { recursive: true, mode: 0o700 });
    const site = await prepareDevSite({ sitePath: context.sitePath, env, cwd, home });
    const { port, uiPort, headless } = parsed.data;
    let dev: RunningDev;
    try {
      dev = await startDev({ home, cwd, env, connection: context.connection, port, uiPort: headless ? null : uiPort, site, say, signal: signals.first });
    } catch (error) {
      // Given up while starting; nothing is left running.
      if (signals.first.aborted && error === signals.first.reason) return signals.exitCode;
      throw withExitCode(error);
    }
    context.stdout.write(context.json ? `${JSON.stringify(dev.info)}\n` : welcome(dev, site));
    await signals.wait();
    say('Ending: jobs save first. Ctrl-C again does not wait for them.');
    await dev.suspend(signals.second);
    say('Suspended. Go on with: ferry dev');
    return signals.exitCode;
  } finally {
    signals.dispose();
  }
}

/** npm and npx pass on a Ctrl-C that the terminal sends us as well: what comes so soon is no second wish. */
const SAME_WISH_MS = 1000;

/** The first signal asks for the end, any later one for haste. Output that nobody reads any more (`closed`) is like SIGHUP, but never haste. */
class EndSignals {
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

function welcome({ info, taskQueues }: RunningDev, site: DevSite): string {
  const rows = [
    ['Temporal', `${info.address}, namespace ${info.namespace}${info.pids.server === null ? ' (not ours: it stays when this ends)' : ''}`],
    ['Web UI', info.ui ?? 'none here'],
    ['Worker', `pid ${info.pids.workers.join(', ')}, queues ${taskQueues.join(', ')}`],
    ['Site', site.builtIn ? 'built-in: local jobs, approver demo-manager, identity asserted' : site.path],
    ['Data', info.home],
  ];
  return `ferry dev is ready.

${rows.map(([name, value]) => `  ${name?.padEnd(10)} ${value}`).join('\n')}

Start a run with: ferry start SPEC.yaml
See them with:    ferry list
End with Ctrl-C: jobs save first, and the next ferry dev goes on.
`;
}

/** The engines know no exit codes. A port is a matter of usage; the rest may work the next time. */
function withExitCode(error: unknown): unknown {
  if (!(error instanceof PortTakenError || error instanceof ServerNotFoundError || error instanceof ServerStartError)) return error;
  const exitCode = error instanceof PortTakenError ? EXIT_USAGE : EXIT_UNREACHABLE;
  return new ClientError({ code: error.code, message: error.message, hint: error.hint, exitCode, cause: error });
}
