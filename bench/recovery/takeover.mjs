import { setTimeout as delay } from 'node:timers/promises';
import { heartbeatsOf } from '../../dist/client/describe.js';
import { openSite, poll, steps } from '../support/ferry.mjs';

/** Beside the heartbeat time-out: a second until the watch is tried again, and one for everything else. */
export const TAKEOVER_SLACK_S = 2;

/**
 * Kills the worker that watches a job while another one runs, and measures until the other has heartbeat for the job.
 * Returns the seconds of each round. The heartbeat's own time counts, so that our polling adds nothing.
 */
export async function takeover(scope, server, { heartbeatTimeoutS, rounds }) {
  const site = await openSite(scope, server, { heartbeatTimeout: `${heartbeatTimeoutS} seconds` });
  let workers = [site.startWorker(), site.startWorker()];
  await Promise.all(workers.map(({ ready }) => ready));
  const run = await site.startRun({ prepareData: { job: steps(rounds * (heartbeatTimeoutS + 30), 'dataset') } });
  const watch = async (after) => {
    const description = await run.describe();
    const pid = Number.parseInt(description.raw.pendingActivities?.[0]?.lastWorkerIdentity ?? '', 10);
    const at = Date.parse(heartbeatsOf(description)[0]?.at ?? '');
    return at > after && workers.some((worker) => worker.pid === pid) ? { pid, at } : undefined;
  };

  const seconds = [];
  for (let round = 0; round < rounds; round += 1) {
    const { pid } = await poll(scope, 'a watch', () => watch(Date.now() - 5000));
    await delay(Math.random() * 2000, undefined, { signal: scope.signal }); // anywhere between two heartbeats
    const victim = workers.find((worker) => worker.pid === pid);
    workers = workers.filter((worker) => worker !== victim);
    const killedAt = Date.now();
    await victim.kill('SIGKILL');
    const { at } = await poll(scope, 'another watch', () => watch(killedAt));
    seconds.push((at - killedAt) / 1000);
    const next = site.startWorker();
    workers.push(next);
    await next.ready;
  }
  await run.cancel();
  await run.result().catch(() => undefined); // ends as cancelled
  await Promise.all(workers.map((worker) => worker.kill('SIGTERM')));
  return seconds;
}
