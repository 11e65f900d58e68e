import { join } from 'node:path';
import * as z from 'zod';
import { ClientError, EXIT_UNREACHABLE, EXIT_USAGE } from '../../client/errors.js';
import type { Env } from '../../client/home.js';
import { packageFile } from '../../engines/package-files.js';
import { lastLines, startBackground, type BackgroundProcess } from '../../engines/temporal-server/background-process.js';

/** A worker is ready within seconds; on a starved machine it may take far longer to load its native part. */
const READY_TIMEOUT_MS = 120_000;

const ReadyLine = z.object({ ready: z.literal(true), pid: z.number().int(), taskQueues: z.array(z.string()) });

/** What a worker that refuses to start says on stdout, as every command with `--json`. */
const ErrorLine = z.object({ error: z.object({ message: z.string(), hint: z.string(), problems: z.array(z.object({ path: z.string(), found: z.string(), expected: z.string(), suggestion: z.string().optional() })) }) });

/** How `ferry worker` is started: this Node and the package's own entry, so that both are of one version. */
export const FERRY_COMMAND: readonly string[] = [process.execPath, packageFile('bin/ferry.js')];

export interface WorkerInput {
  home: string;
  cwd: string;
  /** The whole environment of the worker; see `workerEnv`. */
  env: Env;
  /** Options after `worker --json`, such as `['--site', FILE]`. */
  flags: readonly string[];
  signal?: AbortSignal;
  /** Default `FERRY_COMMAND`. */
  command?: readonly string[];
}

export interface WorkerProcess extends BackgroundProcess {
  readonly taskQueues: readonly string[];
}

/**
 * Starts `ferry worker` as a child and waits until it polls. Its logs go to `<home>/worker.log`.
 * @throws ClientError `worker_failed`, with what the worker itself said; exit 2 when the worker refused its configuration, else 4. The signal's reason
 * when aborted. Nothing is left running then.
 */
export async function startWorker({ home, cwd, env, flags, signal, command = FERRY_COMMAND }: WorkerInput): Promise<WorkerProcess> {
  signal?.throwIfAborted();
  const [file, ...entry] = command;
  if (file === undefined) throw new RangeError('the command of a worker is empty');
  let resolveReady: (taskQueues: string[]) => void = () => undefined;
  const ready = new Promise<string[]>((resolve) => {
    resolveReady = resolve;
  });
  let refusal: z.infer<typeof ErrorLine>['error'] | undefined;
  const worker = await startBackground({
    file,
    args: [...entry, 'worker', '--json', ...flags],
    env,
    cwd,
    logPath: join(home, 'worker.log'),
    onStdoutLine: (line) => {
      const document = parseJson(line);
      const parsed = ReadyLine.safeParse(document);
      if (parsed.success) resolveReady(parsed.data.taskQueues);
      else refusal = ErrorLine.safeParse(document).data?.error ?? refusal;
    },
  });
  let giveUp: () => void = () => undefined;
  const givenUp = new Promise<'given up'>((resolve) => {
    giveUp = () => resolve('given up');
  });
  const timer = setTimeout(giveUp, READY_TIMEOUT_MS);
  signal?.addEventListener('abort', giveUp);
  const first = await Promise.race([ready, worker.ended, givenUp]);
  clearTimeout(timer);
  signal?.removeEventListener('abort', giveUp);
  if (Array.isArray(first)) return { ...worker, taskQueues: first };

  await worker.stop();
  signal?.throwIfAborted();
  const exitCode = first !== 'given up' && first.code === EXIT_USAGE ? EXIT_USAGE : EXIT_UNREACHABLE;
  if (refusal !== undefined) throw new ClientError({ code: 'worker_failed', message: `The worker did not start: ${refusal.message}`, hint: refusal.hint, problems: refusal.problems, exitCode });
  const tail = await lastLines(worker.logPath, 5);
  const what = first === 'given up' ? `is not ready within ${READY_TIMEOUT_MS / 1000} s` : `ended ${first.signal === null ? `with exit code ${first.code}` : `by ${first.signal}`} before it was ready`;
  throw new ClientError({
    code: 'worker_failed',
    message: `The worker ${what}${tail.length === 0 ? '' : `; it said last:\n${tail.join('\n')}`}`,
    hint: `Read ${worker.logPath}, or run it by hand: ferry worker`,
    exitCode,
  });
}

/**
 * The environment of a worker that is to use the server at `address`. For a server of our own the credentials and
 * profiles of the user's environment are left out: with `TEMPORAL_API_KEY` set the worker would speak TLS to it. The
 * version of a worker is left out too: nobody makes it current here, and it would get no run.
 */
export function workerEnv({ env, home, address, namespace, ownServer }: { env: Env; home: string; address: string; namespace: string; ownServer: boolean }): Env {
  const left = ownServer ? /^(TEMPORAL_|FERRY_(DEPLOYMENT|BUILD_ID)$)/ : /^FERRY_(DEPLOYMENT|BUILD_ID)$/;
  const kept = Object.fromEntries(Object.entries(env).filter(([name]) => !left.test(name)));
  return {
    ...kept,
    FERRY_HOME: home,
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
    // No file is there: it keeps the SDK from the user's own, whose default profile may ask for TLS.
    ...(ownServer ? { TEMPORAL_CONFIG_FILE: join(home, 'no-temporal-config.toml') } : {}),
  };
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // some other line: only the ready line is a document
  }
}
