import type { ArtifactRef } from './artifact.js';
import { differences, identityOf } from './identity.js';
import { producersOf, type PipelineDescription } from './pipeline.js';
import { skipReasonOf } from './plan.js';
import { stageOf, type RunState } from './run-state.js';
import { ladderOf } from './sections.js';
import type { RunSpec } from './spec.js';

/** Whether a stage would be taken over from an earlier run, and why or why not. */
export interface PlannedReuse {
  reused: boolean;
  reason: string;
}

/** What a run would begin with: only the digests are looked at. */
export interface ReuseInput {
  pipeline: PipelineDescription;
  spec: RunSpec;
  /** The earlier run. */
  earlier: RunState;
  inputs: Readonly<Record<string, ArtifactRef>>;
  code: ArtifactRef | undefined;
}

/**
 * What a run of a spec would take over from an earlier one, by the rule of the run itself: same command, parameters,
 * inputs and code. A stage that reads what is made anew can't be told before that is made, and counts as done anew.
 */
export function plannedReuse({ pipeline, spec, earlier, inputs, code }: ReuseInput): Record<string, PlannedReuse> {
  const producers = producersOf(pipeline);
  const known: Record<string, ArtifactRef> = { ...inputs };
  const planned: Record<string, PlannedReuse> = {};
  for (const [stage, { consumes, produces }] of Object.entries(pipeline.stages)) {
    if (skipReasonOf(pipeline, spec, stage) !== undefined || ladderOf(spec, stage).length === 0) continue;
    const anew = Object.keys(consumes).find((name) => planned[producers.get(name) ?? '']?.reused === false);
    const reads = Object.fromEntries(Object.keys(consumes).flatMap((name) => (known[name] === undefined ? [] : [[name, known[name]]])));
    planned[stage] = anew === undefined ? compared({ spec, earlier, code }, stage, consumes, reads) : { reused: false, reason: `its input ${anew} is made anew; it is taken over only if that turns out the same` };
    if (planned[stage].reused) for (const name of Object.keys(produces)) {
      const made = stageOf(earlier, stage).outputs[name];
      if (made !== undefined) known[name] = made;
    }
  }
  return planned;
}

function compared({ spec, earlier, code }: Pick<ReuseInput, 'spec' | 'earlier' | 'code'>, stage: string, consumes: PipelineDescription['stages'][string]['consumes'], reads: Record<string, ArtifactRef>): PlannedReuse {
  const made = Object.hasOwn(earlier.stages, stage) ? earlier.stages[stage] : undefined;
  if (made === undefined && Object.values(earlier.stages).some(({ of }) => of === stage)) return { reused: false, reason: `${earlier.run} took it item by item, and so will this run: each is compared when it comes to it` };
  if (made?.state !== 'done' || made.identity === undefined) return { reused: false, reason: `${earlier.run} had not finished it` };
  // What the items of a fan-out made stands in an identity by item, and which items there will be only the run knows.
  const many = Object.keys(consumes).find((name) => consumes[name]?.many === true);
  const told = many === undefined ? made.identity : { ...made.identity, inputs: Object.fromEntries(Object.entries(made.identity.inputs).filter(([name]) => Object.hasOwn(consumes, name))) };
  const different = differences(identityOf(spec, {}, stage, reads, code), told);
  if (different.length > 0) return { reused: false, reason: `${different.join(', ')} differ${different.length === 1 ? 's' : ''} from ${earlier.run}` };
  if (many !== undefined) return { reused: false, reason: `its input ${many} comes from the items of a fan-out; it is compared when it comes to it` };
  return { reused: true, reason: `from ${earlier.run}: same command, parameters, inputs and code` };
}
