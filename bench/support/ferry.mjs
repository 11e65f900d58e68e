// `ferry worker` processes and runs for the benchmarks of the real thing: local jobs on this machine.
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startRun } from '../../dist/client/start.js';
import { BUILT_IN_SITE } from '../../dist/domain/site.js';
import { suspendLocalJobs } from '../../dist/engines/jobs/suspend.js';
import { startProgram, tempFolder } from './bench.mjs';

const FERRY = fileURLToPath(new URL('../../bin/ferry.js', import.meta.url));

/** A home with a site file, and what starts workers and runs there. Its jobs are ended with the benchmark. */
export async function openSite(scope, server, limits = {}) {
  const home = await tempFolder(scope);
  const site = join(home, 'ferry.site.json');
  await writeFile(site, JSON.stringify({ ...BUILT_IN_SITE, limits }));
  // Jobs outlive their workers by design. Those of a benchmark save nothing, so that they need no grace.
  scope.use(() => suspendLocalJobs({ jobsRoot: join(home, 'jobs'), hurry: AbortSignal.timeout(3000) }));
  // No file is there: a profile of the user's may name another server or ask for TLS.
  const env = { ...withoutTemporal(process.env), FERRY_HOME: home, TEMPORAL_ADDRESS: server.address, TEMPORAL_CONFIG_FILE: join(home, 'none.toml') };
  let workers = 0;
  return {
    home,
    startWorker() {
      workers += 1;
      return startProgram(scope, { args: [FERRY, 'worker', '--site', site, '--json'], env, cwd: home, logPath: join(home, `worker-${workers}.log`) });
    },
    /** Starts a run of a spec's stages; `state()` asks it. */
    async startRun(stages) {
      const id = `bench-${randomUUID().slice(0, 8)}`;
      await startRun({ client: server.client, id, requestedBy: 'bench', spec: { schema: 'modelferry.run/1', model: 'bench', version: '1', stages } });
      return server.client.workflow.getHandle(id);
    },
  };
}

const withoutTemporal = (env) => Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('TEMPORAL_')));

/** Polls until `ask` answers something else than undefined. */
export async function poll(scope, what, ask, withinMs = 60_000) {
  const end = Date.now() + withinMs;
  for (;;) {
    scope.signal.throwIfAborted();
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > end) throw new Error(`${what}: not within ${withinMs / 1000} s`);
    await delay(50);
  }
}

export const shell = (script) => ({ command: ['sh', '-ec', script] });

/** Reports a step a second for so long, then leaves an output. */
export const steps = (seconds, output) =>
  shell(`i=0; while [ $i -lt ${seconds} ]; do i=$((i+1)); echo "{\\"step\\":$i,\\"total\\":${seconds}}" >> "$FERRY_PROGRESS_FILE"; sleep 1; done; ${makes(output)}`);

export const makes = (output) => `mkdir -p "$FERRY_OUTPUT_DIR/${output}"; echo x > "$FERRY_OUTPUT_DIR/${output}/data"`;
