// A worker as a process of its own, built from the compiled project, with what `ferry worker` has no
// option for: it can be told to die (SIGKILL, by its own hand) at a named step of submitting a job, and to run another
// workflow bundle.
// usage: node worker-program.mjs '{"address","home","site","logLevel","dieAt"?,"pipelines"?,"deployment"?,"bundlePath"?}'
import { Client, Connection } from '@temporalio/client';
import { Site } from '../../dist/domain/site.js';
import { withAbsolutePaths } from '../../dist/workers/config.js';
import { createLogger } from '../../dist/workers/logger.js';
import { startWorker } from '../../dist/workers/main.js';

const { address, home, site, logLevel, dieAt, pipelines, deployment, bundlePath } = JSON.parse(process.argv[2]);
const connection = await Connection.connect({ address });
const worker = await startWorker({
  connection: { address },
  namespace: 'default',
  client: new Client({ connection }),
  home,
  site: withAbsolutePaths(Site.parse(site), 'built-in', home),
  logger: createLogger(logLevel),
  pipelines,
  env: process.env,
  deployment,
  bundlePath,
  onSubmitStep: (step) => {
    if (step === dieAt) process.kill(process.pid, 'SIGKILL');
  },
});
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => worker.stop());
process.stdout.write('ready\n');
await worker.done;
await connection.close();
