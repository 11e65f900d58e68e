import type { Command } from 'commander';
import * as z from 'zod';
import { connect, resolveTarget, type FerryConnection } from '../../client/connect.js';
import { ClientError } from '../../client/errors.js';
import { makeCurrent, type MakeCurrentInput } from '../../client/make-current.js';
import { ensureSearchAttributes } from '../../client/search-attributes.js';
import { BuildId, DeploymentName, Versioning, versionText, type WorkerVersion } from '../../domain/deployment.js';
import { loadPipelines, type LoadedPipelines } from '../../engines/config/load-pipelines.js';
import { loadSite } from '../../engines/config/load-site.js';
import type { CliContext } from '../context.js';
import { UsageError } from '../errors.js';
import { parseOptions } from '../options.js';
import { codecOf } from '../payloads.js';
import { ownActivities, pipelinesFileOf } from '../pipelines.js';

const Options = z.object({
  deployment: DeploymentName.optional(),
  buildId: BuildId.optional(),
  versioning: z.enum(Versioning.options, 'pinned or auto-upgrade').optional(),
  makeCurrent: z.union([z.literal(true), z.enum(['new', 'always'])], 'nothing, new or always').optional(),
  site: z.string().optional(),
});

export function configure(command: Command): void {
  command
    .description('run a worker for this site until SIGTERM; running jobs go on without it')
    .option('--deployment <name>', 'Worker Deployment that this worker is of (default: $FERRY_DEPLOYMENT, else none)')
    .option('--build-id <id>', 'its build in that deployment (default: $FERRY_BUILD_ID)')
    .option('--versioning <how>', 'runs of this build are pinned to it, or auto-upgrade to the current one (default: auto-upgrade)')
    .option('--make-current [when]', 'once it polls, send runs to this build: a new one alone (default), or always')
    .addHelpText(
      'after',
      `
The worker's own site file decides about executors, stores, approvers and the policy floor: restart it after a change.
SIGTERM or Ctrl-C drains it within seconds. Jobs are not touched; another worker, or the next start, watches them again.
Logs are JSON lines on stderr; FERRY_LOG_LEVEL is trace, debug, info (the default), warn or error.

With --deployment and --build-id the server sends this worker only the runs that belong to its build: see
docs/upgrade.md. Without --make-current a new build gets none until somebody makes it current. A build that ramps or was
replaced is left as it is, so that an old worker that starts again takes nothing back; to go back: --make-current always.

Examples:
  $ ferry worker --site ferry.site.yaml
  $ ferry worker --site ferry.site.yaml --deployment modelferry --build-id 1.4.0 --make-current
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

interface DeploymentOptions {
  deployment: WorkerVersion & { versioning: Versioning };
  makeCurrent: MakeCurrentInput['when'] | undefined;
}

/** Undefined for a worker without a version. @throws UsageError for one half of a version, and for options that need one. */
function deploymentOf({ env }: CliContext, options: unknown): DeploymentOptions | undefined {
  // A variable that is set to nothing means "not set".
  const set = { deployment: env['FERRY_DEPLOYMENT'] || undefined, buildId: env['FERRY_BUILD_ID'] || undefined };
  const { deployment: name, buildId, versioning, makeCurrent: when } = parseOptions(Options, { ...set, ...z.record(z.string(), z.unknown()).parse(options) }, 'worker');
  if (name !== undefined && buildId !== undefined) return { deployment: { name, buildId, versioning: versioning ?? 'auto-upgrade' }, makeCurrent: when === true ? 'new' : when };
  if (name === undefined && buildId === undefined && versioning === undefined && when === undefined) return undefined;
  const missing = [...(name === undefined ? ['--deployment'] : []), ...(buildId === undefined ? ['--build-id'] : [])].join(' and ');
  throw new UsageError(`${missing} ${name === undefined && buildId === undefined ? 'are' : 'is'} missing: a version is a deployment and a build of it`, 'For example: ferry worker --deployment modelferry --build-id 1.4.0');
}

/** Says so where another version keeps the runs. */
async function becomeCurrent(context: CliContext, { client }: FerryConnection, version: WorkerVersion, when: MakeCurrentInput['when']): Promise<void> {
  if ((await makeCurrent({ client, version, when, signal: context.signal })) !== 'left') return;
  context.stderr.write(`${versionText(version)} had runs before and is not current now: it stays so, and gets only the runs that are its own\n→ To go back to it: ferry worker --deployment ${version.name} --build-id ${version.buildId} --make-current always\n`);
}

/** Stays until a signal ends it; 0 once it has drained, 1 when it broke. */
export async function run(context: CliContext, _args: string[], options: unknown): Promise<number> {
  const { env, cwd, home } = context;
  const versioned = deploymentOf(context, options);
  const pipelines = await loadedPipelines(context);
  const activities = await ownActivities(context);
  const { site, source } = await loadSite({ path: context.sitePath, env: env['FERRY_SITE'], cwd, builtIn: false });
  const target = await resolveTarget({ ...context.connection, home, env });
  const connection = await connect({ ...context.connection, home, env, codec: codecOf(context) });
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
      activities,
      env,
      deployment: versioned?.deployment,
    });
    const stop = (): void => worker.stop();
    if (context.signal.aborted) stop();
    context.signal.addEventListener('abort', stop, { once: true });
    if (versioned?.makeCurrent !== undefined) {
      try {
        // A worker that broke meanwhile is told at once, not after the time that the server may take.
        await Promise.race([becomeCurrent(context, connection, versioned.deployment, versioned.makeCurrent), worker.done]);
      } catch (error) {
        // It polls already: what it has begun is finished first.
        stop();
        await worker.done;
        throw error;
      }
    }
    const deployment = versioned === undefined ? null : { name: versioned.deployment.name, buildId: versioned.deployment.buildId };
    const own = Object.keys(pipelines?.pipelines ?? {});
    const ready = { ready: true, pid: process.pid, taskQueues: worker.taskQueues, pipelines: own, deployment };
    const is = deployment === null ? '' : `, version ${versionText(deployment)},`;
    context.stdout.write(context.json ? `${JSON.stringify(ready)}\n` : `worker ${process.pid} of the site ${site.name}${is} is ready; it polls ${worker.taskQueues.join(', ')}${own.length === 0 ? '' : `, with the pipelines ${own.join(', ')} of your own`}\n`);
    await worker.done;
    return 0;
  } finally {
    await connection.close();
  }
}
