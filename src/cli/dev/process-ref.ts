import type { ProcessRef } from '../../client/home.js';
import { signalGroup } from '../../engines/temporal-server/background-process.js';
import { hostIdentity, isAlive, processStartedAt } from '../../engines/jobs/process-identity.js';

const POLL_MS = 50;

/** Names a process that runs now, for good. One that has ended meanwhile gets a name that nothing alive has. */
export function processRef(pid: number): ProcessRef {
  return { pid, pidStartedAt: processStartedAt(pid) ?? 'ended', bootId: hostIdentity().bootId };
}

/** Ends the group of a process that a former `ferry dev` left behind: SIGTERM, SIGKILL after `graceMs`; resolves when it is gone. */
export async function endLeftover(ref: ProcessRef, graceMs: number): Promise<void> {
  const deadline = Date.now() + graceMs;
  let killed = false;
  if (isAlive(ref)) signalGroup(ref.pid, 'SIGTERM');
  while (isAlive(ref)) {
    if (!killed && Date.now() > deadline) {
      signalGroup(ref.pid, 'SIGKILL');
      killed = true;
    }
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
}
