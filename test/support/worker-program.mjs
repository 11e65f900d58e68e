// A worker as a process of its own, built from the compiled project, with what `ferry worker` has no
// option for: it can be told to die (SIGKILL, by its own hand) at a named step of submitting a job, and to run another
// workflow bundle.
// usage: node worker-program.mjs '{"address","home","site","logLevel","dieAt"?,"pipelines"?,"deployment"?,"bundlePath"?}'
import { Client, Connection } from '@temporalio/client';
import { Site } from '../../dist/domain/site.js';
import { loadKeyRing } from '../../dist/engines/payload-crypto/key-ring.js';
import { payloadCodec } from '../../dist/temporal-codec.js';
import { withAbsolutePaths } from '../../dist/workers/config.js';
import { createLogger } from '../../dist/workers/logger.js';
import { startWorker } from '../../dist/workers/main.js';

const { address, home, site: raw, logLevel, dieAt, pipelines, deployment, bundlePath } = JSON.parse(process.argv[2]);
const site = withAbsolutePaths(Site.parse(raw), 'built-in', home);
const encryption = site.payloads?.encryption;
const keys = encryption === undefined ? undefined : await loadKeyRing({ encryption, secrets: site.secrets, env: process.env });
const connection = await Connection.connect({ address });
const worker = await startWorker({
  connection: { address },
  namespace: 'default',
  client: new Client({ connection, dataConverter: { payloadCodecs: [payloadCodec({ keys: async () => keys, unreadable: 'throw' })] } }),
  home,
  site,
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
