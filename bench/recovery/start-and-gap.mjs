import { readFileSync } from 'node:fs';
import { jobPaths, readExit } from '../../dist/engines/jobs/job-dir.js';
import { makes, openSite, shell } from '../support/ferry.mjs';

/** Seconds from the start of the process `ferry worker` to its line that says ready, one worker at a time. */
export async function workerStarts(scope, server, { rounds }) {
  const site = await openSite(scope, server);
  const seconds = [];
  for (let round = -1; round < rounds; round += 1) {
    scope.signal.throwIfAborted();
    const worker = site.startWorker();
    const took = await worker.ready;
    await worker.kill('SIGTERM');
    if (round >= 0) seconds.push(took); // the first fills the disk cache and registers the schedule
  }
  return seconds;
}

/**
 * Milliseconds from the end of a stage's job to the start of the next one's, by the records that the jobs' wrappers wrote.
 * In between: the watch sees the end, two workflow tasks, the submit.
 */
export async function gaps(scope, server, { rounds }) {
  const site = await openSite(scope, server);
  const worker = site.startWorker();
  await worker.ready;
  const ms = [];
  for (let round = -1; round < rounds; round += 1) {
    scope.signal.throwIfAborted();
    const run = await site.startRun({ prepareData: { job: shell(`sleep 1; ${makes('dataset')}`) }, train: { attempts: [shell(makes('checkpoint'))] } });
    const { state } = await run.result();
    const [first, second] = state.jobs.map(({ handle }) => handle.jobDir);
    const ended = readExit(first).endedAt;
    const [started] = readFileSync(jobPaths(second).starts, 'utf8').split('\n');
    if (round >= 0) ms.push(Date.parse(JSON.parse(started).at) - Date.parse(ended));
  }
  await worker.kill('SIGTERM');
  return ms;
}
