import type { Command } from 'commander';
import { connect, resolveTarget, type FerryConnection } from '../../client/connect.js';
import { ClientError } from '../../client/errors.js';
import { ensureSearchAttributes } from '../../client/search-attributes.js';
import { loadPipelines, type LoadedPipelines } from '../../engines/config/load-pipelines.js';
import { loadSite } from '../../engines/config/load-site.js';
import type { CliContext } from '../context.js';
import { pipelinesFileOf } from '../pipelines.js';

export function configure(command: Command): void {
  command
    .description('run a worker for this site until SIGTERM; running jobs go on without it')
    .addHelpText(
      'after',
      `
The worker's own site file decides about executors, stores, approvers and the policy floor: restart it after a change.
SIGTERM or Ctrl-C drains it within seconds. Jobs are not touched; another worker, or the next start, watches them again.
Logs are JSON lines on stderr; FERRY_LOG_LEVEL is trace, debug, info (the default), warn or error.

Examples:
  $ ferry worker --site ferry.site.yaml
  $ TEMPORAL_ADDRESS=temporal.example:7233 TEMPORAL_NAMESPACE=models ferry worker --json`,
    );
}

/** Credentials that may not list or add attributes may still run a worker where an admin has added them. */
async function ensureOrWarn(context: CliContext, { connection, namespace }: FerryConnection): Promise<void> {
  try {
    await ensureSearchAttributes(connection, namespace);
  } catch (error) {
    if (!(error instanceof ClientError) || error.code !== 'search_attributes_denied') throw error;
    context.stderr.write(`${error.message}\n→ ${error.hint}\n`);
  }
}

/** Looked at before anything is polled for: a module that is wrong would otherwise fail run after run. */
async function loadedPipelines(context: CliContext): Promise<LoadedPipelines | undefined> {
  const file = await pipelinesFileOf(context);
  return file === undefined ? undefined : await loadPipelines(file);
}

/** Stays until a signal ends it; 0 once it has drained, 1 when it broke. */
export async function run(context: CliContext): Promise<number> {
  const { env, cwd, home } = context;
  const pipelines = await loadedPipelines(context);
  const { site, source } = await loadSite({ path: context.sitePath, env: env['FERRY_SITE'], cwd, builtIn: false });
  const target = await resolveTarget({ ...context.connection, home, env });
  const connection = await connect({ ...context.connection, home, env });
  try {
    await ensureOrWarn(context, connection);
    // Loaded here alone: the worker's native part costs every other command a second.
    const [{ startWorker }, { createLogger }, { withAbsolutePaths }] = await Promise.all([import('../../workers/main.js'), import('../../workers/logger.js'), import('../../workers/config.js')]);
    const logger = createLogger(env['FERRY_LOG_LEVEL'] ?? 'info');
    const worker = await startWorker({
      connection: target.options,
      namespace: target.namespace,
      client: connection.client,
      home,
      site: withAbsolutePaths(site, source, home),
      logger,
      ...(pipelines === undefined ? {} : { pipelines: pipelines.file }),
      env,
    });
    const stop = (): void => worker.stop();
    if (context.signal.aborted) stop();
    context.signal.addEventListener('abort', stop, { once: true });
    const ready = { ready: true, pid: process.pid, taskQueues: worker.taskQueues, pipelines: Object.keys(pipelines?.pipelines ?? {}) };
    context.stdout.write(context.json ? `${JSON.stringify(ready)}\n` : `worker ${process.pid} of the site ${site.name} is ready; it polls ${worker.taskQueues.join(', ')}${ready.pipelines.length === 0 ? '' : `, with the pipelines ${ready.pipelines.join(', ')} of your own`}\n`);
    await worker.done;
    return 0;
  } finally {
    await connection.close();
  }
}
