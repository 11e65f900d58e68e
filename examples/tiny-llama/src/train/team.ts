// Threads that share one memory and take tasks off one list. Which thread does a task changes nothing about its result.
import { fileURLToPath } from 'node:url';
import { parentPort, Worker } from 'node:worker_threads';
import { messageOf } from '../contract.js';

/** Entries of the shared control block. */
const ROUND = 0;
const PHASE = 1;
const COUNT = 2;
const NEXT = 3;
const DONE = 4;

/** Does task `index` of a phase; phases are numbered by their caller. */
export type Task = (phase: number, index: number) => void;

export interface Team {
  /**
   * Runs tasks 0 to count - 1 of a phase on all threads, this one among them; resolves when each is done. Rejects when a helper
   * died, and sets no time: a large shape or a suspended machine takes as long as it takes.
   */
  run: (phase: number, count: number) => Promise<void>;
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
  let failure: Error | undefined;
  let closing = false;
  let wake = (): void => {};
  const fail = (error: Error): void => {
    if (!closing) failure ??= error;
    wake();
  };
  const helpers = Array.from({ length: threads - 1 }, () => new Worker(fileURLToPath(script), { workerData: { control, share } satisfies TeamMember<T> }));
  for (const helper of helpers) {
    helper.on('message', () => wake());
    helper.on('error', (error) => fail(new Error(`a training thread failed: ${messageOf(error)}`, { cause: error })));
    helper.on('exit', (code) => fail(new Error(`a training thread ended by itself, with ${code}`)));
  }
  return {
    async run(phase, count) {
      Atomics.store(control, PHASE, phase);
      Atomics.store(control, COUNT, count);
      Atomics.store(control, NEXT, 0);
      Atomics.store(control, DONE, 0);
      Atomics.add(control, ROUND, 1);
      Atomics.notify(control, ROUND);
      takeTasks(control, task);
      // No blocking wait: the events of a helper that died reach this thread between turns of its loop only.
      while (failure === undefined && Atomics.load(control, DONE) < helpers.length) await new Promise<void>((resolve) => (wake = resolve));
      if (failure !== undefined) throw failure;
    },
    async close() {
      closing = true;
      await Promise.all(helpers.map((helper) => helper.terminate()));
    },
  };
}

/** The life of a helper thread: waits for a round, takes tasks, says that it is done. Only a failed task ends it. */
export function joinTeam(control: Int32Array, task: Task): never {
  // A first round may have begun before this thread stood: 0 is the round before it.
  for (let seen = 0; ; seen += 1) {
    Atomics.wait(control, ROUND, seen);
    takeTasks(control, task);
    Atomics.add(control, DONE, 1);
    parentPort?.postMessage(seen);
  }
}
