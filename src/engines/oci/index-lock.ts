import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';
import { createAtomically, readIfThere } from '../artifacts/durable-file.js';
import { hostIdentity, isAlive, processStartedAt, type ProcessIdentity } from '../jobs/process-identity.js';
import { ReleaseError } from './release-error.js';

interface Claim extends ProcessIdentity {
  hostId: string;
  thread: number;
}

/** An update takes milliseconds. Whoever holds it for so long is gone, or its file system hangs. */
const HELD_MAX_MS = 10 * 60_000;
/** A retry of the activity waits again, so this is only to say what is going on. */
const WAIT_MS = 30_000;
const POLL_MS = 20;

/** Claims that this thread holds: one of its own that is not among them was left by a failure. */
const heldHere = new Set<string>();

/**
 * Runs `work` while nobody else does, on any host that shares the directory. Claims are numbered files: the next number is
 * created by link, which exactly one of many wins, and only after the one before was released or its holder is gone. The
 * highest is never removed, so nobody mistakes another's claim for a stale one. `work` calls `stillHeld` before
 * what can't be undone: it throws where a claim was taken over from a holder that was thought to be gone.
 * @throws ReleaseError `release_busy` when the claim is held for longer than `waitMs`.
 */
export async function withIndexLock<T>(directory: string, work: (stillHeld: () => void) => T, waitMs = WAIT_MS): Promise<T> {
  mkdirSync(directory, { recursive: true });
  const own = await acquire(directory, waitMs);
  const path = join(directory, String(own));
  try {
    return work(() => {
      if (highest(directory) !== own) throw new ReleaseError('release_busy', `another publisher took over ${directory} from this one: try again`);
    });
  } finally {
    heldHere.delete(path);
    createAtomically(`${path}.released`, '');
  }
}

async function acquire(directory: string, waitMs: number): Promise<number> {
  const end = Date.now() + waitMs;
  for (;;) {
    const top = highest(directory);
    if (top === 0 || mayFollow(directory, top)) {
      const own = top + 1;
      const path = join(directory, String(own));
      heldHere.add(path);
      if (createAtomically(path, JSON.stringify(thisClaim()))) {
        // Whoever looked long ago may get a number that others had, released and cleared away.
        if (highest(directory) === own) {
          clearBelow(directory, own);
          return own;
        }
        rmSync(path, { force: true });
      }
      heldHere.delete(path);
    }
    if (Date.now() > end) throw new ReleaseError('release_busy', `${join(directory, String(top))} has been held for ${Math.round(waitMs / 1000)} s: another publisher is at it; try again, and remove nothing by hand while a worker runs`);
    await delay(POLL_MS * (0.5 + Math.random()));
  }
}

const numbersIn = (directory: string): number[] => readdirSync(directory).flatMap((name) => (/^\d{1,15}$/.test(name) ? [Number(name)] : []));
const highest = (directory: string): number => Math.max(0, ...numbersIn(directory));

function mayFollow(directory: string, number: number): boolean {
  const path = join(directory, String(number));
  if (readIfThere(`${path}.released`) !== undefined) return true;
  const text = readIfThere(path);
  // Cleared away since: somebody has a higher one.
  if (text === undefined) return false;
  const claim = JSON.parse(text) as Claim;
  if (Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > HELD_MAX_MS) return true;
  // Nobody can tell from here what runs on another host.
  if (claim.hostId !== hostIdentity().hostId) return false;
  if (!isAlive(claim)) return true;
  return claim.pid === process.pid && claim.thread === threadId && !heldHere.has(path);
}

function clearBelow(directory: string, number: number): void {
  for (const name of readdirSync(directory)) if (Number.parseInt(name, 10) < number) rmSync(join(directory, name), { force: true });
}

function thisClaim(): Claim {
  const { hostId, bootId } = hostIdentity();
  return { hostId, bootId, pid: process.pid, pidStartedAt: processStartedAt(process.pid) ?? '', thread: threadId };
}
