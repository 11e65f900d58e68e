import { resolve } from 'node:path';
import type { Pipelines } from '../domain/spec.js';
import { loadActivities, type OwnActivities } from '../engines/config/load-activities.js';
import { ownModuleIn } from '../engines/config/own-module.js';
import { loadPipelines, pipelinesFileIn } from '../engines/config/load-pipelines.js';
import type { CliContext } from './context.js';

/** The module of the pipelines that a project brings: `--pipelines`, then `FERRY_PIPELINES`, then `./package.json`. */
export async function pipelinesFileOf({ pipelinesPath, env, cwd }: Pick<CliContext, 'pipelinesPath' | 'env' | 'cwd'>): Promise<string | undefined> {
  const named = pipelinesPath ?? (env['FERRY_PIPELINES'] || undefined);
  return named === undefined ? await pipelinesFileIn(cwd) : resolve(cwd, named);
}

/** The pipelines that a project brings; none where it brings no module. @throws InvalidDocument for a module that is wrong. */
export async function ownPipelines(context: Pick<CliContext, 'pipelinesPath' | 'env' | 'cwd'>): Promise<Pipelines> {
  const file = await pipelinesFileOf(context);
  return file === undefined ? {} : (await loadPipelines(file)).pipelines;
}

/** The activities that a project's pipelines call: `FERRY_ACTIVITIES`, then `modelferry.activities` of `./package.json`. */
export async function ownActivities({ env, cwd }: Pick<CliContext, 'env' | 'cwd'>): Promise<OwnActivities | undefined> {
  const named = env['FERRY_ACTIVITIES'] || undefined;
  const file = named === undefined ? await ownModuleIn(cwd, 'activities') : resolve(cwd, named);
  return file === undefined ? undefined : await loadActivities(file);
}
