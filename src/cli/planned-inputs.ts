import type { ArtifactRef } from '../domain/artifact.js';
import { artifactTypeOf, type PipelineDescription } from '../domain/pipeline.js';
import { inputProblems } from '../domain/plan.js';
import type { Problem } from '../domain/problems.js';
import type { RunSpec } from '../domain/spec.js';
import { describeSource } from '../engines/config/pack-sources.js';
import type { CliContext } from './context.js';
import { storeOf } from './site.js';

interface Planned {
  pipeline: PipelineDescription;
  spec: RunSpec;
}

/** What is wrong with the artifacts that a spec begins with, as far as this machine's store tells. */
export async function storedInputProblems(context: CliContext, { pipeline, spec }: Planned): Promise<Problem[]> {
  const named = Object.entries(spec.inputs).flatMap(([name, source]) => ('artifact' in source ? [[name, source.artifact] as const] : []));
  if (named.length === 0) return [];
  const store = await storeOf(context);
  const problems: Problem[] = [];
  const inputs: Record<string, ArtifactRef> = {};
  for (const [name, digest] of named) {
    const ref = await store.find(digest, artifactTypeOf(pipeline, name)?.kind);
    if (ref === undefined) problems.push({ path: `inputs.${name}`, found: `${digest}, which is not in the store ${store.root}`, expected: 'an artifact of the store', suggestion: 'take it in with: ferry artifact add PATH --kind KIND' });
    else inputs[name] = ref;
  }
  return [...problems, ...inputProblems(pipeline, spec, inputs)];
}

/** What is taken in from a path declares nothing of itself, so a stage that needs a dtype or a layout can't read it: the start refuses it too. */
export function pathInputProblems({ pipeline, spec }: Planned): Problem[] {
  return Object.entries(spec.inputs).flatMap(([name, source]): Problem[] => {
    if (!('path' in source)) return [];
    const kind = artifactTypeOf(pipeline, name)?.kind ?? name;
    const suggestion = `take it in with what it is: ferry artifact add PATH --kind ${kind} --annotate dtype=…, and give its digest as artifact`;
    return inputProblems(pipeline, spec, { [name]: { kind, uri: '', digest: source.path, bytes: 0 } }).map((problem) => ({ ...problem, suggestion }));
  });
}

/** What a run would begin with, by digest; files are read, and nothing is stored. */
export async function plannedSources({ pipeline, spec }: Planned, dir: string): Promise<{ inputs: Record<string, ArtifactRef>; code: ArtifactRef | undefined }> {
  const describe = (source: { path: string } | { artifact: string }, kind: string): Promise<ArtifactRef> =>
    'path' in source ? describeSource({ dir, path: source.path, kind }) : Promise.resolve({ kind, uri: '', digest: source.artifact, bytes: 0 });
  const inputs: Record<string, ArtifactRef> = {};
  for (const [name, source] of Object.entries(spec.inputs)) inputs[name] = await describe(source, artifactTypeOf(pipeline, name)?.kind ?? name);
  return { inputs, code: spec.code === undefined ? undefined : await describe(spec.code, 'code') };
}
