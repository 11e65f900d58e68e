import { setTimeout as sleep } from 'node:timers/promises';
import type { JobHandle, StopReason } from '../../domain/job.js';
import { askToStop, readExit, readState } from './job-dir.js';
import { isAlive, membersOf, sendSignal } from './process-identity.js';
import { killMembers } from './stopper.js';

/** A live wrapper passes a stop on within one poll; after this it is taken for hung, and the job is signalled from here. */
const WRAPPER_ANSWERS_WITHIN_MS = 1_500;
/** After the program's end the wrapper may still hash and save a last checkpoint of many gigabytes. */
const WRAP_UP_MS = 5 * 60_000;
const POLL_MS = 50;

/**
 * Ends a job and returns when nothing of it is alive: SIGTERM, the grace, SIGKILL. It works with a live wrapper, a
 * hung one and none. Calling it again is harmless. Returns false if something outlived SIGKILL.
 */
export async function stopJob(handle: JobHandle, { reason, graceMs }: { reason: StopReason; graceMs: number }): Promise<boolean> {
  const { key, jobDir } = handle;
  const wrapperLives = (): boolean => isAlive(handle);
  if (readExit(jobDir) === undefined) askToStop(jobDir, { reason, at: new Date().toISOString(), graceMs });
  const killAt = Date.now() + graceMs;

  if (wrapperLives() && readExit(jobDir) === undefined) {
    // To the wrapper alone: it passes the stop on, so that the program hears SIGTERM once and not twice.
    sendSignal(handle.pid, 'SIGTERM');
    const answerBy = Date.now() + WRAPPER_ANSWERS_WITHIN_MS;
    while (wrapperLives() && readState(jobDir)?.stopping !== true && Date.now() < answerBy) await sleep(POLL_MS);
    if (wrapperLives() && readState(jobDir)?.stopping !== true) terminate(handle);
  } else {
    terminate(handle);
  }

  while (Date.now() < killAt && (wrapperLives() || membersOf(key, handle).length > 0)) await sleep(POLL_MS);
  const membersGone = await killMembers(key, handle);

  // A suspended wrapper would neither write its exit record nor ever be gone.
  if (wrapperLives()) sendSignal(handle.pid, 'SIGCONT');
  const giveUpAt = Date.now() + WRAP_UP_MS;
  while (wrapperLives() && Date.now() < giveUpAt) await sleep(POLL_MS);
  if (wrapperLives()) {
    sendSignal(handle.pid, 'SIGKILL');
    while (wrapperLives() && Date.now() < giveUpAt + WRAPPER_ANSWERS_WITHIN_MS) await sleep(POLL_MS);
  }
  return membersGone && !wrapperLives() && (await killMembers(key, handle));
}

function terminate(handle: JobHandle): void {
  for (const pid of membersOf(handle.key, handle)) sendSignal(pid, 'SIGTERM');
}
