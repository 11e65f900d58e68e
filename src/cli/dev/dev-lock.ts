import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ClientError, EXIT_USAGE } from '../../client/errors.js';
import { ProcessRef, readDevFile, type DevFile } from '../../client/home.js';
import { createAtomically, readIfThere, tempName } from '../../engines/artifacts/durable-file.js';
import { isAlive } from '../../engines/jobs/process-identity.js';
import { processRef } from './process-ref.js';

/**
 * Makes this process the one `ferry dev` of a home: two servers on one database would destroy it.
 * Returns the function that gives the home back. A lock whose holder has died is taken over.
 * @throws ClientError `already_running` (exit 2), with the address where it is known
 */
export async function lockHome(home: string): Promise<() => Promise<void>> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const path = join(home, 'dev.lock');
  const mine = JSON.stringify(processRef(process.pid));
  for (;;) {
    if (createAtomically(path, mine)) return () => rm(path, { force: true });
    const text = readIfThere(path);
    if (text === undefined) continue; // given back between the two calls
    const holder = parseRef(text);
    if (holder !== undefined && isAlive(holder)) throw alreadyRunning(home, holder.pid, await readDevFile(home));
    await removeStale(path, text);
  }
}

/** Whoever renames the dead lock away may remove it; a fresh one caught by mistake is put back. */
async function removeStale(path: string, staleText: string): Promise<void> {
  const aside = tempName(path);
  try {
    await rename(path, aside);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw error;
  }
  const caught = readIfThere(aside);
  if (caught !== undefined && caught !== staleText) createAtomically(path, caught);
  await rm(aside, { force: true });
}

function parseRef(text: string): ProcessRef | undefined {
  try {
    return ProcessRef.parse(JSON.parse(text));
  } catch {
    return undefined; // damaged: nobody who lives wrote it, since it appears whole
  }
}

function alreadyRunning(home: string, pid: number, dev: DevFile | undefined): ClientError {
  return new ClientError({
    code: 'already_running',
    message: `A ferry dev (pid ${pid}) ${dev === undefined ? 'is starting' : `runs at ${dev.address}`} for ${home}`,
    hint: dev === undefined ? 'Wait for it, or give this one another folder: FERRY_HOME=DIR ferry dev --port 0 --ui-port 0' : `Use it as it is, for example: ferry list. For a second one: FERRY_HOME=DIR ferry dev --port 0 --ui-port 0`,
    exitCode: EXIT_USAGE,
  });
}
