// The one worker process of the benchmark, with the logger of `ferry worker` at its usual level.
// usage: node worker.mjs ADDRESS '{"QUEUE": "BUNDLE", …}'
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createLogger, temporalLogger } from '../../dist/workers/logger.js';

const [address, bundles] = process.argv.slice(2);
Runtime.install({ logger: temporalLogger(createLogger('info')), shutdownSignals: [] });
const connection = await NativeConnection.connect({ address });
const workers = [];
for (const [taskQueue, codePath] of Object.entries(JSON.parse(bundles))) {
  workers.push(await Worker.create({ connection, taskQueue, workflowBundle: { codePath }, activities: { noop: async () => undefined } }));
}
process.once('SIGTERM', () => workers.forEach((worker) => worker.shutdown()));
const done = Promise.all(workers.map((worker) => worker.run()));
process.stdout.write('ready\n');
await done;
await connection.close();
