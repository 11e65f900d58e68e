import { setTimeout as sleep } from 'node:timers/promises';
import type { StopReason } from '../../domain/job.js';
import { membersOf, sendSignal } from './process-identity.js';
import type { ProcessIdentity } from './process-identity.js';

/** How long killed processes may take to be gone: only one that hangs in the kernel takes longer than an instant. */
const KILLED_WITHIN_MS = 5_000;
const RESCAN_MS = 50;

/** Kills every member of a job besides its wrapper; false if one is still there after a while. Repeats, for a member may fork meanwhile. */
export async function killMembers(key: string, wrapper: ProcessIdentity): Promise<boolean> {
  const until = Date.now() + KILLED_WITHIN_MS;
  for (;;) {
    const members = membersOf(key, wrapper);
    if (members.length === 0) return true;
    if (Date.now() > until) return false;
    for (const pid of members) sendSignal(pid, 'SIGKILL');
    await sleep(RESCAN_MS);
  }
}

/** The wrapper's side of a stop: SIGTERM to the job's processes once, and SIGKILL when the grace is over. */
export class Stopper {
  readonly #key: string;
  readonly #self: ProcessIdentity;
  #timer: NodeJS.Timeout | undefined;
  #requested = false;
  #reason: StopReason | undefined;

  constructor(key: string, self: ProcessIdentity) {
    this.#key = key;
    this.#self = self;
  }

  get requested(): boolean {
    return this.#requested;
  }

  /** Undefined too when somebody outside sent a plain SIGTERM: a scheduler that preempts, a host that shuts down. */
  get reason(): StopReason | undefined {
    return this.#reason;
  }

  /** Begins the stop; true the first time. A second request changes neither grace nor reason, but may supply a missing one. */
  request(reason: StopReason | undefined, graceMs: number): boolean {
    this.#reason ??= reason;
    if (this.#requested) return false;
    this.#requested = true;
    for (const pid of membersOf(this.#key, this.#self)) sendSignal(pid, 'SIGTERM');
    this.#timer = setTimeout(() => void killMembers(this.#key, this.#self), graceMs);
    return true;
  }

  /** After the program's end: whatever it left behind is killed at once. */
  async finish(): Promise<void> {
    clearTimeout(this.#timer);
    await killMembers(this.#key, this.#self);
  }
}
