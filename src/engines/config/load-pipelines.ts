import { basename } from 'node:path';
import { PipelineDescription } from '../../domain/pipeline.js';
import type { Pipelines } from '../../domain/spec.js';
import { BUILT_IN_PIPELINES } from '../../domain/stage.js';
import { InvalidDocument } from './invalid-document.js';
import { importModule, ownModuleIn } from './own-module.js';

/** What messages call the file. */
export const PIPELINES_MODULE = 'pipelines module';

/** What a pipelines module exports. */
export interface LoadedPipelines {
  /** Absolute. */
  file: string;
  pipelines: Pipelines;
}

/** A project's own pipelines, by its `package.json`: `"modelferry": { "pipelines": "dist/pipelines.js" }`. */
export const pipelinesFileIn = (cwd: string): Promise<string | undefined> => ownModuleIn(cwd, 'pipelines');

/**
 * Loads a module and the pipelines that it exports, each under its own name. Runs the module's code, as a worker does.
 * @throws InvalidDocument that says what is wrong with the module.
 */
export async function loadPipelines(file: string): Promise<LoadedPipelines> {
  const refuse = (path: string, found: string, expected: string, suggestion?: string): InvalidDocument =>
    new InvalidDocument(file, PIPELINES_MODULE, 'invalid', [{ path, found, expected, ...(suggestion === undefined ? {} : { suggestion }) }]);
  const module = await importModule(file, PIPELINES_MODULE);
  const found = Object.entries(module).flatMap(([name, value]) => (typeof value === 'function' && 'pipeline' in value ? [[name, value.pipeline] as const] : []));
  if (found.length === 0) throw refuse(basename(file), `the exports ${Object.keys(module).join(', ') || '(none)'}`, 'at least one export made by definePipeline', "export const NAME = definePipeline({ name: 'NAME', … })");
  const pipelines: Record<string, PipelineDescription> = {};
  for (const [name, value] of found) {
    const parsed = PipelineDescription.safeParse(value);
    if (!parsed.success) throw refuse(name, parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '), 'a pipeline of this version of modelferry', 'are two versions of it installed?');
    if (parsed.data.name !== name) throw refuse(name, `the pipeline ${parsed.data.name}`, `the name ${name}, under which it is exported`, 'an export\'s name is the workflow type');
    // Exported again on purpose or by `export *`: the same pipeline, which every worker has.
    if (!Object.hasOwn(BUILT_IN_PIPELINES, name)) pipelines[name] = parsed.data;
    else if (JSON.stringify(BUILT_IN_PIPELINES[name]) !== JSON.stringify(parsed.data)) throw refuse(name, 'a pipeline of your own', 'another name', `${name} is built in`);
  }
  return { file, pipelines };
}
