import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { packageFile } from '../package-files.js';
import { hashFile } from './hash-file.js';
import type { HashedFile } from './hash-file.js';
import type { HashAnswer } from './hash-worker.js';
import { StoreError } from './store-error.js';

export type Hasher = (path: string, options: { sync?: boolean }) => Promise<HashedFile>;

/** Below this a thread costs more than it saves: one core hashes a gigabyte a second. */
const WORTH_THREADS_BYTES = 256 * 1024 * 1024;
/** More threads than this wait for the disk. */
const MAX_THREADS = 8;

/** From the package's root, so that it is the compiled program wherever this code runs. */
const WORKER = packageFile('dist/engines/artifacts/hash-worker.js');

/** Half of the cores, since a training beside us needs the others. */
function threadsFor(files: readonly { bytes: number }[]): number {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  if (bytes < WORTH_THREADS_BYTES) return 0;
  return Math.min(MAX_THREADS, files.length, Math.floor(availableParallelism() / 2));
}

/** Gives `work` a function that hashes files, in threads where the files are large and several; their threads end with it. */
export async function withHasher<T>(files: readonly { bytes: number }[], work: (hash: Hasher) => Promise<T>, threads = threadsFor(files)): Promise<T> {
  // In a checkout that is not built there is no program for a thread to run; the digests are the same.
  if (threads < 2 || !existsSync(WORKER)) return work(hashFile);
  const pool = new HashPool(threads);
  try {
    return await work((path, options) => pool.hash(path, options));
  } finally {
    await pool.end();
  }
}

interface Pending {
  path: string;
  options: { sync?: boolean };
  resolve(file: HashedFile | Promise<HashedFile>): void;
  reject(error: unknown): void;
}

interface Thread {
  worker: Worker;
  pending: Map<number, Pending>;
  broken: boolean;
}

class HashPool {
  readonly #threads: Thread[];
  #next = 0;

  constructor(threads: number) {
    this.#threads = Array.from({ length: threads }, startThread);
  }

  /** The thread with the least to do takes it. */
  hash(path: string, options: { sync?: boolean }): Promise<HashedFile> {
    const [first, ...others] = this.#threads.filter((thread) => !thread.broken);
    if (first === undefined) return hashFile(path, options);
    const idlest = others.reduce((best, one) => (one.pending.size < best.pending.size ? one : best), first);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      idlest.pending.set(id, { path, options, resolve, reject });
      idlest.worker.postMessage({ id, path, sync: options.sync === true });
    });
  }

  async end(): Promise<void> {
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }
}

function startThread(): Thread {
  const thread: Thread = { worker: new Worker(WORKER), pending: new Map(), broken: false };
  thread.worker.on('message', (answer: HashAnswer) => {
    const waiting = thread.pending.get(answer.id);
    thread.pending.delete(answer.id);
    if ('file' in answer) waiting?.resolve(answer.file);
    else waiting?.reject(errorOf(answer));
  });
  // A job outlives an upgrade of this package, and then a thread's program may be gone: its work is done here instead.
  const takeOver = (): void => {
    thread.broken = true;
    for (const { path, options, resolve } of thread.pending.values()) resolve(hashFile(path, options));
    thread.pending.clear();
  };
  thread.worker.on('error', takeOver);
  thread.worker.on('exit', takeOver);
  return thread;
}

/** An error's class does not survive the way between threads; what callers look at does. */
function errorOf(answer: Extract<HashAnswer, { message: string }>): Error {
  if (answer.storeCode !== undefined) return new StoreError(answer.storeCode, answer.message, answer.problems);
  return Object.assign(new Error(answer.message), { code: answer.systemCode });
}
