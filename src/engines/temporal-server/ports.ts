import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import * as z from 'zod';

export const LOOPBACK = '127.0.0.1';

/** Thrown when a port that was asked for is in use. */
export class PortTakenError extends Error {
  override readonly name = 'PortTakenError';
  readonly code = 'port_taken';
  readonly hint: string;
  readonly port: number;

  constructor(port: number, flag: string) {
    super(`Port ${port} of ${LOOPBACK} is taken`);
    this.port = port;
    this.hint = `Let ferry pick a free one with: ferry dev ${flag} 0, or name another: ferry dev ${flag} ${port + 1}`;
  }
}

/** The ports that a home's server had last: links to runs hold them, so they are kept while they are free. */
const LastPorts = z.object({ port: z.number().int(), uiPort: z.number().int().nullable() });
export type LastPorts = z.infer<typeof LastPorts>;

export interface PortsInput {
  /** 0: the last one of the home when it is free, else any free one. */
  port: number;
  /** As `port`; null for no Web UI. */
  uiPort: number | null;
  /** Path of the file with the last ports. It is only read here; one that is damaged or missing counts as none. */
  lastPortsPath: string;
}

/**
 * Ports on the loopback interface that were free just now.
 * @throws PortTakenError for a port other than 0 that is in use
 */
export async function choosePorts({ port, uiPort, lastPortsPath }: PortsInput): Promise<LastPorts> {
  const last = await readLastPorts(lastPortsPath);
  // Both stay bound until both are chosen, or the system could give out one port twice.
  const held: Server[] = [];
  try {
    const main = await hold(held, port, last?.port, '--port');
    return { port: main, uiPort: uiPort === null ? null : await hold(held, uiPort, last?.uiPort ?? undefined, '--ui-port') };
  } finally {
    await Promise.all(held.map((server) => new Promise((done) => server.close(done))));
  }
}

async function hold(held: Server[], wanted: number, last: number | undefined, flag: string): Promise<number> {
  const candidates = wanted === 0 ? [...(last === undefined ? [] : [last]), 0] : [wanted];
  for (const candidate of candidates) {
    const server = await listen(candidate);
    if (server === undefined) continue;
    held.push(server);
    const address = server.address();
    if (address !== null && typeof address === 'object') return address.port;
  }
  throw new PortTakenError(wanted, flag);
}

function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen({ host: LOOPBACK, port, exclusive: true }, () => resolve(server));
  });
}

async function readLastPorts(path: string): Promise<LastPorts | undefined> {
  try {
    return LastPorts.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined; // a convenience: without it links change, nothing else
  }
}
