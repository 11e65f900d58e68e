import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as z from 'zod';
import { installInto } from './install-dir.js';
import type { ServerProgram } from './server-program.js';
import { runTool, type Env } from './tools.js';

/** As in the SDK's ephemeral_server module, which also says what the parameters and the answer look like. */
const DEFAULT_BASE_URL = 'https://temporal.download';

/** Nothing for so long means that there is no network: the next place is tried. A slow download may take longer in all. */
const SILENCE_LIMIT_MS = 5000;
const UNPACK_TIMEOUT_MS = 60_000;

const DownloadInfo = z.object({ archiveUrl: z.url(), fileToExtract: z.string().min(1) });

export interface SdkDownloadInput {
  program: ServerProgram;
  targetDir: string;
  binary: string;
  sdkVersion: string;
  env: Env;
  downloadBaseUrl?: string;
  onProgress?: (message: string) => void;
  signal?: AbortSignal;
}

/**
 * Fetches the server that the Temporal SDK of this version would start in its own tests, and returns the binary's path.
 * The SDK offers this only together with starting a server, and keeps a killed download's lock for a minute.
 * Proxy variables are not used here; pip, which comes next, uses them.
 * @throws Error with a one-line reason
 */
export async function downloadLikeSdk({ program, targetDir, binary, sdkVersion, env, downloadBaseUrl = DEFAULT_BASE_URL, onProgress, signal }: SdkDownloadInput): Promise<string> {
  const arch = { x64: 'amd64', arm64: 'arm64' }[process.arch as string];
  const platform = { linux: 'linux', darwin: 'darwin', win32: 'windows' }[process.platform as string];
  if (arch === undefined || platform === undefined) throw new Error(`there is none for ${process.platform} on ${process.arch}`);

  const query = new URLSearchParams({ arch, platform, ...(program.download.format === undefined ? {} : { format: program.download.format }), 'sdk-name': 'sdk-typescript', 'sdk-version': sdkVersion });
  const silence = new SilenceLimit(signal);
  try {
    const answer = await fetch(`${downloadBaseUrl}/${program.download.artifact}/default?${query.toString()}`, { signal: silence.signal });
    if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
    const info = DownloadInfo.parse(await answer.json());
    onProgress?.(`Downloading ${program.title} from ${new URL(info.archiveUrl).host} …`);
    return await installInto({
      targetDir,
      binary,
      fill: async (workDir) => {
        const archive = join(workDir, 'cli.tar.gz');
        silence.reset();
        const response = await fetch(info.archiveUrl, { signal: silence.signal });
        if (!response.ok || response.body === null) throw new Error(`the archive's server answers ${response.status}`);
        await pipeline(Readable.fromWeb(response.body), silence.watch(), createWriteStream(archive), { signal: silence.signal });
        silence.stop();
        // One named member only: an archive cannot place anything else.
        const unpacked = await runTool('tar', ['-xzf', archive, '-C', workDir, info.fileToExtract], { env, timeoutMs: UNPACK_TIMEOUT_MS, signal });
        if (!unpacked.ok) throw new Error(`the archive cannot be unpacked (${unpacked.reason})`);
        return join(workDir, info.fileToExtract);
      },
    });
  } catch (error) {
    if (silence.expired) throw new Error(`no answer within ${SILENCE_LIMIT_MS / 1000} s`, { cause: error });
    if (error instanceof z.ZodError) throw new Error('the server answers something else than a download', { cause: error });
    // fetch says "fetch failed" and keeps the reason in its cause.
    const reason = error instanceof Error && error.cause instanceof Error ? error.cause.message : error instanceof Error ? error.message : String(error);
    throw new Error(reason, { cause: error });
  } finally {
    silence.stop();
  }
}

/** Aborts once nothing has come for a while; `watch` is a stream that counts everything passing as a sign of life. */
class SilenceLimit {
  readonly #controller = new AbortController();
  readonly signal: AbortSignal;
  #timer: NodeJS.Timeout;

  constructor(outer?: AbortSignal) {
    this.signal = outer === undefined ? this.#controller.signal : AbortSignal.any([outer, this.#controller.signal]);
    this.#timer = this.#start();
  }

  get expired(): boolean {
    return this.#controller.signal.aborted;
  }

  #start(): NodeJS.Timeout {
    return setTimeout(() => this.#controller.abort(), SILENCE_LIMIT_MS);
  }

  reset(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#start();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  watch(): Transform {
    return new Transform({
      transform: (chunk, _encoding, done) => {
        this.reset();
        done(null, chunk);
      },
    });
  }
}
