import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { lastLines, startBackground, type BackgroundProcess } from './background-process.js';
import { isServing } from './grpc-health.js';
import { choosePorts, LOOPBACK } from './ports.js';
import type { Env } from './tools.js';

/** Half a second is usual; a large database on a slow disk takes longer. */
const READY_TIMEOUT_MS = 60_000;
const READY_POLL_MS = 50;

export interface StartServerInput {
  /** Path of the `temporal` binary, from `findServer`. */
  binary: string;
  /** Holds `temporal.db`, `server.log` and the last ports; made when it is missing. */
  home: string;
  /** 0: the home's last one when it is free, else any free one. */
  port: number;
  /** As `port`; null for no Web UI. */
  uiPort: number | null;
  /** Default `default`, which always exists. */
  namespace?: string;
  /** Registered at start, name to type as in `--search-attribute`. */
  searchAttributes?: Readonly<Record<string, string>>;
  /** Default `warn`. */
  logLevel?: 'debug' | 'info' | 'warn' | 'error';
  /** Passed on, such as `['--dynamic-config-value', 'limit.numPendingActivities.error=5000']`. */
  extraArgs?: readonly string[];
  /** For the server's process, without `TEMPORAL_*`, which would change what the command line says. */
  env: Env;
  signal?: AbortSignal;
}

export interface ServerProcess extends BackgroundProcess {
  readonly address: string;
  readonly port: number;
  readonly namespace: string;
  /** Base of links into the Web UI, without a slash at its end; null without UI. */
  readonly ui: string | null;
  readonly uiPort: number | null;
}

/** Thrown when the server ends or stays silent instead of getting ready; the message has the end of its log. */
export class ServerStartError extends Error {
  override readonly name = 'ServerStartError';
  readonly code = 'server_start_failed';
  readonly hint: string;

  constructor(message: string, logPath: string) {
    super(message);
    this.hint = `Read ${logPath}, then try again: ferry dev`;
  }
}

/**
 * Starts a Temporal development server on the loopback interface, on the home's own database, and waits until it
 * answers. It leads its own process group.
 * @throws PortTakenError, ServerStartError; the signal's reason when aborted. Nothing is left running then.
 */
export async function startServer(input: StartServerInput): Promise<ServerProcess> {
  const { home, binary, namespace = 'default', signal } = input;
  await mkdir(home, { recursive: true, mode: 0o700 });
  const lastPortsPath = join(home, 'server-ports.json');
  const { port, uiPort } = await choosePorts({ port: input.port, uiPort: input.uiPort, lastPortsPath });
  const address = `${LOOPBACK}:${port}`;
  const logPath = join(home, 'server.log');

  signal?.throwIfAborted();
  const server = await startBackground({ file: binary, args: serverArgs({ ...input, namespace, port, uiPort }), env: withoutTemporal(input.env), cwd: home, logPath });
  try {
    await waitUntilReady({ server, address, uiPort, namespace, signal });
  } catch (error) {
    await server.stop();
    throw error;
  }
  await writeFile(lastPortsPath, `${JSON.stringify({ port, uiPort })}\n`, { mode: 0o600 });
  return { ...server, address, port, namespace, ui: uiPort === null ? null : `http://${LOOPBACK}:${uiPort}`, uiPort };
}

/** The command line after the binary; ports must be chosen already. */
export function serverArgs(input: Pick<StartServerInput, 'home' | 'port' | 'uiPort' | 'searchAttributes' | 'logLevel' | 'extraArgs'> & { namespace: string }): string[] {
  const { home, port, uiPort, namespace, searchAttributes = {}, logLevel = 'warn', extraArgs = [] } = input;
  const place = ['--ip', LOOPBACK, '--port', String(port), ...(uiPort === null ? ['--headless'] : ['--ui-port', String(uiPort)])];
  const content = ['--db-filename', join(home, 'temporal.db'), '--namespace', namespace, '--log-level', logLevel];
  const attributes = Object.entries(searchAttributes).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]);
  return ['server', 'start-dev', ...place, ...content, ...attributes, ...extraArgs];
}

function withoutTemporal(env: Env): Env {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('TEMPORAL_')));
}

async function waitUntilReady({ server, address, uiPort, namespace, signal }: { server: BackgroundProcess; address: string; uiPort: number | null; namespace: string; signal?: AbortSignal }): Promise<void> {
  let end: string | undefined;
  void server.ended.then(({ code, signal: by }) => {
    end = by === null ? `ended with exit code ${code}` : `was ended by ${by}`;
  });
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    signal?.throwIfAborted();
    if (end === undefined && (await isServing(address, namespace)) && (uiPort === null || (await accepts(uiPort)))) return;
    if (end !== undefined || Date.now() > deadline) {
      const tail = await lastLines(server.logPath, 5);
      throw new ServerStartError(`The Temporal server ${end ?? `does not answer within ${READY_TIMEOUT_MS / 1000} s`}${tail.length === 0 ? '' : `; it said last:\n${tail.join('\n')}`}`, server.logPath);
    }
    await new Promise((done) => setTimeout(done, READY_POLL_MS));
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: LOOPBACK, port });
    const finish = (open: boolean): void => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
    socket.setTimeout(1000, () => finish(false));
  });
}
