// Threads that share one memory and take tasks off one list. Which thread does a task changes nothing about its result.
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

/** Entries of the shared control block. */
const ROUND = 0;
const PHASE = 1;
const COUNT = 2;
const NEXT = 3;
const DONE = 4;
const FAILED = 5;

/** Does task `index` of a phase; phases are numbered by their caller. */
export type Task = (phase: number, index: number) => void;

export interface Team {
  /** Runs tasks 0 to count - 1 of a phase on all threads, this one among them; returns when each is done. */
  run: (phase: number, count: number) => void;
  close: () => Promise<void>;
}

/** What a helper thread is started with. */
export interface TeamMember<T> {
  control: Int32Array<SharedArrayBuffer>;
  share: T;
}

function takeTasks(control: Int32Array, task: Task): void {
  for (;;) {
    const index = Atomics.add(control, NEXT, 1);
    if (index >= Atomics.load(control, COUNT)) return;
    task(Atomics.load(control, PHASE), index);
  }
}

/**
 * @param threads with 1 everything runs on the calling thread
 * @param script the module that calls `joinTeam` when it finds itself in a thread
 * @param share what every thread needs to do tasks
 */
export function startTeam<T>(threads: number, script: string, share: T, task: Task): Team {
  const control = new Int32Array(new SharedArrayBuffer(64));
  const workers = Array.from({ length: threads - 1 }, () => new Worker(fileURLToPath(script), { workerData: { control, share } satisfies TeamMember<T> }));
  for (const worker of workers) worker.on('error', (error) => console.error('a training thread failed:', error));
  return {
    run(phase, count) {
      Atomics.store(control, PHASE, phase);
      Atomics.store(control, COUNT, count);
      Atomics.store(control, NEXT, 0);
      Atomics.store(control, DONE, 0);
      Atomics.add(control, ROUND, 1);
      Atomics.notify(control, ROUND);
      takeTasks(control, task);
      for (let done = Atomics.load(control, DONE); done < workers.length; done = Atomics.load(control, DONE)) {
        if (Atomics.wait(control, DONE, done, HELPER_TIMEOUT_MS) === 'timed-out') throw new Error(`a training thread has not answered for ${HELPER_TIMEOUT_MS / 1000} seconds`);
      }
      if (Atomics.load(control, FAILED) !== 0) throw new Error('a training thread failed; the log has its error');
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}

/** Long beyond any task: only a helper that died takes so long. Its error event cannot reach a thread that waits. */
const HELPER_TIMEOUT_MS = 60_000;

/** The life of a helper thread: waits for a round, takes tasks, says that it is done. Never returns. */
export function joinTeam(control: Int32Array, task: Task): never {
  // A first round may have begun before this thread stood: 0 is the round before it.
  for (let seen = 0; ; seen += 1) {
    Atomics.wait(control, ROUND, seen);
    try {
      takeTasks(control, task);
    } catch (error) {
      console.error(error);
      Atomics.store(control, FAILED, 1);
    }
    Atomics.add(control, DONE, 1);
    Atomics.notify(control, DONE);
  }
}
