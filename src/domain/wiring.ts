import { FACETS, misfits, plainType, type ArtifactType, type Facets } from './artifact.js';
import { artifactTypeOf, beginsAfter, isBefore, producersOf, type PipelineDescription } from './pipeline.js';
import { sectionOf } from './sections.js';
import type { RunSpec } from './spec.js';

export interface WiringProblem {
  path: string[];
  /** What should stand there. */
  message: string;
}

/** What is wrong with how artifacts flow in a spec: an input that nobody makes, one that nobody reads, one of another type. */
export function wiringProblems(pipeline: PipelineDescription, spec: RunSpec): WiringProblem[] {
  const names = Object.keys(pipeline.stages);
  const has = (stage: string): boolean => sectionOf(spec, stage) !== undefined;
  const problems: WiringProblem[] = names.some(has) ? [] : [{ path: ['stages'], message: 'at least one stage' }];
  const isPublished = names.filter((stage) => has(stage) && Object.values(pipeline.stages[stage]?.produces ?? {}).some(({ kind }) => kind === 'release'));
  for (const stage of isPublished)
    if (!names.some((name) => pipeline.stages[name]?.section === 'approval' && has(name) && isBefore(pipeline, name, stage)))
      problems.push({ path: ['stages', stage], message: 'a stage approve before it: nothing is published that nobody approved' });
  return [...problems, ...unmadeInputs(pipeline, spec), ...uselessInputs(pipeline, spec), ...typeProblems(pipeline, spec)];
}

/** A stage that the run begins after makes nothing, whatever the spec says of it. */
function isTakenIn(pipeline: PipelineDescription, spec: RunSpec): (stage: string) => boolean {
  const begin = beginsAfter(pipeline, spec);
  return (stage) => sectionOf(spec, stage) !== undefined && (begin === undefined || isBefore(pipeline, begin.stage, stage));
}

function unmadeInputs(pipeline: PipelineDescription, spec: RunSpec): WiringProblem[] {
  const producers = producersOf(pipeline);
  const isTaken = isTakenIn(pipeline, spec);
  return Object.entries(pipeline.stages).flatMap(([stage, { consumes }]) => {
    if (!isTaken(stage)) return [];
    return Object.entries(consumes).flatMap(([name, { kind, optional, many }]): WiringProblem[] => {
      if (optional === true || many === true || spec.inputs[name] !== undefined) return [];
      const producer = producers.get(name);
      if (producer === undefined) {
        // Code may wire an input to an artifact of another name; what the pipeline itself begins with is told here.
        return Object.hasOwn(pipeline.inputs, name) && pipeline.inputs[name]?.optional !== true ? [{ path: ['inputs', name], message: `the ${kind} that the run begins with: an artifact or a path` }] : [];
      }
      if (isTaken(producer)) return [];
      if (kind === 'release') return [{ path: ['stages', stage], message: `its input ${name}: add the stages approve and ${producer}` }];
      return [{ path: ['stages', stage], message: `its input ${name}: add the stage ${producer}, or give ${name} under inputs` }];
    });
  });
}

function uselessInputs(pipeline: PipelineDescription, spec: RunSpec): WiringProblem[] {
  const producers = producersOf(pipeline);
  return Object.keys(spec.inputs).flatMap((name): WiringProblem[] => {
    const producer = producers.get(name);
    if (artifactTypeOf(pipeline, name)?.kind === 'release') return [{ path: ['inputs', name], message: 'no release: publish makes one in the run itself, and nothing verifies one from outside yet' }];
    if (producer === undefined) return [];
    const uses = Object.entries(pipeline.stages).some(([stage, { consumes }]) => sectionOf(spec, stage) !== undefined && isBefore(pipeline, producer, stage) && Object.hasOwn(consumes, name));
    return uses ? [] : [{ path: ['inputs', name], message: `a stage after ${producer} that reads ${name}` }];
  });
}

/** What a stage's output will be: what the pipeline says of it, and what the spec adds. */
export function madeAs(pipeline: PipelineDescription, spec: RunSpec, stage: string, output: string): ArtifactType | undefined {
  const declared = pipeline.stages[stage]?.produces[output];
  return declared === undefined ? undefined : typeWith(declared, sectionOf(spec, stage)?.produces?.[output]);
}

/** What a stage needs an input to be. */
export function neededAs(pipeline: PipelineDescription, spec: RunSpec, stage: string, input: string): ArtifactType | undefined {
  const declared = pipeline.stages[stage]?.consumes[input];
  return declared === undefined ? undefined : typeWith(declared, sectionOf(spec, stage)?.consumes?.[input]);
}

const typeWith = (declared: ArtifactType, added: Facets | undefined): ArtifactType => ({ ...plainType(declared), ...added });

function typeProblems(pipeline: PipelineDescription, spec: RunSpec): WiringProblem[] {
  const isTaken = isTakenIn(pipeline, spec);
  return Object.keys(pipeline.stages).flatMap((stage) => [...declarationProblems(pipeline, spec, stage), ...(isTaken(stage) ? readProblems(pipeline, spec, stage, isTaken) : [])]);
}

/** Facets of artifacts that a stage does not have, and those that say something else than the pipeline itself. */
function declarationProblems(pipeline: PipelineDescription, spec: RunSpec, stage: string): WiringProblem[] {
  const section = sectionOf(spec, stage);
  return (['consumes', 'produces'] as const).flatMap((side) => {
    const given: Record<string, Facets> = section?.[side] ?? {};
    return Object.entries(given).flatMap(([name, facets]): WiringProblem[] => {
      const known = pipeline.stages[stage]?.[side] ?? {};
      const declared = Object.hasOwn(known, name) ? known[name] : undefined;
      if (declared === undefined) return [{ path: ['stages', stage, side, name], message: `an artifact that ${stage} ${side}: ${Object.keys(known).join(', ') || 'it has none'}` }];
      return FACETS.flatMap((facet) =>
        declared[facet] !== undefined && facets[facet] !== undefined && declared[facet] !== facets[facet] ? [{ path: ['stages', stage, side, name, facet], message: `${declared[facet]}, which the pipeline ${pipeline.name} says itself` }] : [],
      );
    });
  });
}

/** What an earlier stage makes in another type than this one reads. An artifact from outside is looked at where it is. */
function readProblems(pipeline: PipelineDescription, spec: RunSpec, stage: string, isTaken: (stage: string) => boolean): WiringProblem[] {
  const producers = producersOf(pipeline);
  return Object.keys(pipeline.stages[stage]?.consumes ?? {}).flatMap((name): WiringProblem[] => {
    const producer = producers.get(name);
    const needed = neededAs(pipeline, spec, stage, name);
    const made = producer === undefined || !isTaken(producer) || spec.inputs[name] !== undefined ? undefined : madeAs(pipeline, spec, producer, name);
    if (needed === undefined || made === undefined) return [];
    const wrong = misfits(needed, made);
    return wrong.length === 0 ? [] : [{ path: ['stages', stage, 'consumes', name], message: `what ${producer} makes: ${wrong.join(', ')}` }];
  });
}
