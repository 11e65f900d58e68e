import { readFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PipelineDescription } from '../../domain/pipeline.js';
import type { Pipelines } from '../../domain/spec.js';
import { BUILT_IN_PIPELINES } from '../../domain/stage.js';
import { InvalidDocument } from './invalid-document.js';

const WHAT = 'pipelines module';

export interface LoadedPipelines {
  /** Absolute. */
  file: string;
  pipelines: Pipelines;
}

/** A project's own pipelines, by its `package.json`: `"modelferry": { "pipelines": "dist/pipelines.js" }`. */
export async function pipelinesFileIn(cwd: string): Promise<string | undefined> {
  let text: string;
  try {
    text = await readFile(resolve(cwd, 'package.json'), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
    throw error;
  }
  const own = (JSON.parse(text) as { modelferry?: { pipelines?: unknown } } | null)?.modelferry?.pipelines;
  return typeof own === 'string' ? resolve(cwd, own) : undefined;
}

/**
 * Loads a module and the pipelines that it exports, each under its own name. Runs the module's code, as a worker does.
 * @throws InvalidDocument that says what is wrong with the module.
 */
export async function loadPipelines(file: string): Promise<LoadedPipelines> {
  const refuse = (path: string, found: string, expected: string, suggestion?: string): InvalidDocument =>
    new InvalidDocument(file, WHAT, 'invalid', [{ path, found, expected, ...(suggestion === undefined ? {} : { suggestion }) }]);
  let module: Record<string, unknown>;
  try {
    module = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const compile = extname(file) === '.ts' && error instanceof Error && 'code' in error && error.code === 'ERR_UNKNOWN_FILE_EXTENSION';
    throw refuse(file, message, 'a module that loads', compile ? 'this Node.js reads no TypeScript: compile it and name the .js file, or use Node.js 22.18 or newer' : undefined);
  }
  const found = Object.entries(module).flatMap(([name, value]) => (typeof value === 'function' && 'pipeline' in value ? [[name, value.pipeline] as const] : []));
  if (found.length === 0) throw refuse(file, `the exports ${Object.keys(module).join(', ') || '(none)'}`, 'at least one export made by definePipeline');
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
