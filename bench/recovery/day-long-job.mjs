// The history that a job of 24 hours leaves: the real workflow on a real server, and a watch that heartbeats as often as
// a day's watch does, in some minutes. (The time-skipping test server skips nothing while an activity runs.)
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Context } from '@temporalio/activity';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { WORKFLOW_QUEUE, localQueue } from '../../dist/domain/ids.js';
import { BUILT_IN_SITE, Site } from '../../dist/domain/site.js';
import { siteViewOf } from '../../dist/workers/site-view.js';
import { openSite, shell } from '../support/ferry.mjs';

/** A worker passes on a heartbeat every two seconds at most. */
export const HEARTBEATS_OF_A_DAY = (24 * 3600) / 2;
export const MAX_EVENTS = 25;

const HOST = 'bench';
const BUNDLE = fileURLToPath(new URL('../../dist/workflow-bundle.js', import.meta.url));
/** At once: more would measure the server's patience, not the history. */
const IN_FLIGHT = 4;

/** Events and bytes of history of a one-stage run whose job's watch heartbeats so often. */
export async function history(scope, server, { heartbeats }) {
  const { client } = server;
  const startedAt = new Date(Date.now() - 24 * 3600_000).toISOString();
  const handleOf = ({ key, executor }) => ({ key, executor, kind: 'local', jobDir: `/jobs/${key}`, logPath: `/jobs/${key}/log`, host: HOST, hostId: HOST, bootId: 'b', pid: 1, pidStartedAt: '1' });
  const beat = (handle, step) => ({ handle, observation: 'ok', starts: 1, at: new Date().toISOString(), progress: { step, total: heartbeats, metrics: { loss: 1 / step }, stepsPerSecond: 0.5, at: new Date().toISOString() } });
  let attempts = 0;
  const jobs = {
    submitJob: async (request) => handleOf(request),
    async watchJob({ handle }) {
      attempts += 1;
      const context = Context.current();
      const { taskToken } = context.info;
      let sent = 0;
      const send = async () => {
        while (sent < heartbeats) {
          scope.signal.throwIfAborted();
          sent += 1;
          // By the client, since the worker would hold most of them back: each one of these reaches the server.
          await client.activity.heartbeat(taskToken, beat(handle, sent));
          // The worker counts the time since it was told of one itself, and would no longer report this activity's result.
          if (sent % 100 === 0) context.heartbeat(beat(handle, sent));
          if (sent % 5000 === 0) console.error(`${sent} of ${heartbeats} heartbeats`);
        }
      };
      await Promise.all(Array.from({ length: IN_FLIGHT }, send));
      const outputs = { dataset: { kind: 'dataset', uri: 'bench:dataset', digest: `sha256:${'0'.repeat(64)}`, bytes: 1 } };
      const { progress } = beat(handle, heartbeats);
      return { state: 'exited', starts: 1, lastLines: [], lineCount: 0, progress, exit: { exitCode: 0, signal: null, startedAt, endedAt: new Date().toISOString(), outputs } };
    },
  };
  const siteView = siteViewOf(Site.parse(BUILT_IN_SITE), HOST);
  const connection = await NativeConnection.connect({ address: server.address });
  const workers = [
    await Worker.create({ connection, taskQueue: WORKFLOW_QUEUE, workflowBundle: { codePath: BUNDLE }, activities: { readSite: async () => siteView } }),
    await Worker.create({ connection, taskQueue: localQueue(HOST), activities: jobs }),
  ];
  const done = Promise.all(workers.map((worker) => worker.run()));
  const stop = async () => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    await done;
    await connection.close().catch(() => undefined); // closed by an earlier call
  };
  scope.use(stop);

  const site = await openSite(scope, server);
  const from = Date.now();
  const run = await site.startRun({ prepareData: { job: shell('true') } });
  const ended = await Promise.race([run.result(), done.then(() => undefined)]);
  if (ended?.state.status !== 'completed') throw new Error(`the run ended as ${ended?.state.status}`);
  await delay(200); // visibility of the last event's size
  const { historyLength, historySize } = await run.describe();
  await stop();
  if (attempts !== 1) throw new Error(`the watch was begun ${attempts} times`);
  return { events: historyLength, bytes: historySize, seconds: (Date.now() - from) / 1000 };
}

/** Once a process, before the first worker of its own. */
export const quietRuntime = () => Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
