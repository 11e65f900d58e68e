import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SEARCH_ATTRIBUTES } from '../../src/domain/views.js';
import { findServer, type FoundServer } from '../../src/engines/temporal-server/find-server.js';
import { startServer, type ServerProcess } from '../../src/engines/temporal-server/server-process.js';

/** Downloads for tests, kept in the checkout: a fresh clone without `temporal` on PATH fetches it once. */
export const TEST_TOOLS_DIR = fileURLToPath(new URL('../../.cache/tools', import.meta.url));

let found: Promise<FoundServer> | undefined;

/** The `temporal` binary for tests; looked for once a process. */
export function findTestServer(): Promise<FoundServer> {
  found ??= findServer({ toolsDir: TEST_TOOLS_DIR, env: process.env });
  return found;
}

export interface TestServer {
  readonly address: string;
  readonly namespace: string;
  /** Its own temporary home; removed by `stop`. */
  readonly home: string;
  readonly ui: string | null;
  readonly pid: number;
  /** What a process needs to use this server: `TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `FERRY_HOME`. */
  readonly env: Record<string, string>;
  /** The power cut: SIGKILL, resolves when it is gone. */
  kill9(): Promise<void>;
  /** Starts it again on the same database and the same ports; stops it first when it runs. */
  restart(): Promise<void>;
  /** Stops it and removes its home. */
  stop(): Promise<void>;
}

export interface TestServerOptions {
  /** Whether the Web UI is started. Default false. */
  ui?: boolean;
  extraArgs?: string[];
  /** Default: the seven of the project. */
  searchAttributes?: Record<string, string>;
}

/** A real Temporal development server on free ports, for a suite's `beforeAll`; give it 120 s, a first download may be in it. */
export async function startTestServer({ ui = false, extraArgs, searchAttributes = SEARCH_ATTRIBUTES }: TestServerOptions = {}): Promise<TestServer> {
  const { path: binary } = await findTestServer();
  const home = await mkdtemp(join(tmpdir(), 'ferry-test-server-'));
  const start = (port: number, uiPort: number | null): Promise<ServerProcess> =>
    startServer({ binary, home, port, uiPort, extraArgs, searchAttributes, logLevel: 'error', env: process.env });
  let server: ServerProcess;
  try {
    server = await start(0, ui ? 0 : null);
  } catch (error) {
    await rm(home, { recursive: true, force: true });
    throw error;
  }
  return {
    address: server.address,
    namespace: server.namespace,
    home,
    ui: server.ui,
    get pid() {
      return server.pid;
    },
    env: { TEMPORAL_ADDRESS: server.address, TEMPORAL_NAMESPACE: server.namespace, FERRY_HOME: home },
    async kill9() {
      server.kill('SIGKILL');
      await server.ended;
    },
    async restart() {
      await server.stop();
      server = await start(server.port, server.uiPort);
    },
    async stop() {
      await server.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}
