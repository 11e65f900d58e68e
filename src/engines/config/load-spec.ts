import { realpath } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { PipelineDescription } from '../../domain/pipeline.js';
import { describeValue, nearest } from '../../domain/problems.js';
import { pipelineNameOf, pipelineOf, runSpecOf, type Pipelines, type RunSpec, type RunSpecInput } from '../../domain/spec.js';
import { BUILT_IN_PIPELINES } from '../../domain/stage.js';
import { readDocument, validate } from './document.js';
import { InvalidDocument } from './invalid-document.js';

const WHAT = 'run spec';

/** A run spec, parsed and as it was written. */
export interface LoadedSpec {
  spec: RunSpec;
  pipeline: PipelineDescription;
  /** As it was written: what is sent, since durations are texts there. */
  input: RunSpecInput;
  /** The file as it was named. */
  file: string;
  /** The spec's folder, with links resolved: what its paths are relative to, and what they may not leave. */
  dir: string;
}

/**
 * Reads a run spec. `own` is asked for the project's pipelines, where the spec names none that is built in.
 * @throws InvalidDocument with every problem.
 */
export async function loadSpec({ file, cwd, own }: { file: string; cwd: string; own?: () => Promise<Pipelines> }): Promise<LoadedSpec> {
  const path = resolve(cwd, file);
  const raw = await readDocument(path, WHAT);
  const { spec, pipeline } = parseSpec(raw, path, pipelineOf(raw) === undefined ? await own?.() : undefined);
  return { spec, pipeline, input: raw as RunSpecInput, file, dir: dirname(await realpath(path)) };
}

/** Parses a spec that is in memory already. @throws InvalidDocument with every problem. */
export function parseSpec(raw: unknown, file = '(run spec)', pipelines: Pipelines = {}): { spec: RunSpec; pipeline: PipelineDescription } {
  const pipeline = pipelineOf(raw, pipelines);
  if (pipeline === undefined) throw unknownPipeline(raw, file, pipelines);
  return { pipeline, spec: validate(raw, file, WHAT, runSpecOf(pipeline)) };
}

function unknownPipeline(raw: unknown, file: string, pipelines: Pipelines): InvalidDocument {
  const names = [...Object.keys(BUILT_IN_PIPELINES), ...Object.keys(pipelines)];
  const meant = nearest(pipelineNameOf(raw), names);
  const suggestion = meant === undefined ? 'name the module that exports a pipeline of your own with --pipelines FILE' : `did you mean ${meant}?`;
  return new InvalidDocument(file, WHAT, 'invalid', [{ path: 'pipeline', found: describeValue(pipelineNameOf(raw)), expected: `one of ${names.join(', ')}`, suggestion }]);
}
