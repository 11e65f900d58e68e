import type { Client } from '@temporalio/client';
import { randomUUID } from 'node:crypto';
import { requestersOf } from '../domain/approval.js';
import type { ArtifactRef } from '../domain/artifact.js';
import { declaredParameters, resolveParameter, withParameters } from '../domain/overrides.js';
import { skipReasonOf } from '../domain/plan.js';
import { nearest } from '../domain/problems.js';
import type { RunInput } from '../domain/run-input.js';
import { beginsAfter, isBefore, producersOf, type PipelineDescription } from '../domain/pipeline.js';
import { artifactsOf, type RunState } from '../domain/run-state.js';
import { sectionOf } from '../domain/sections.js';
import type { Pipelines, RunSpec, RunSpecInput } from '../domain/spec.js';
import { readEarlier, takenOver } from './earlier-run.js';
import { ClientError, EXIT_USAGE } from './errors.js';
import { checkNames, launch, type StartedRun } from './start.js';

/** Ids that are tried before somebody has to choose one. */
const MAX_RESUMES = 1000;

/** Which run to take over from, and what differs in the new one. */
export interface ResumeInput {
  client: Client;
  /** The earlier run. */
  run: string;
  /** The first stage that is done anew. */
  from: string;
  /** Asked for the pipelines besides the built-in ones, where the run is of none of those. */
  own?: () => Promise<Pipelines>;
  /** Parameters by full or bare name. */
  set?: Record<string, unknown>;
  /** Default: `<RUN>-r1`, or the next number that is free. */
  id?: string;
  requestedBy: string;
  ui?: string | null;
}

/** The answer of `ferry resume`, as the contract pins it. */
export interface ResumedRun extends StartedRun {
  resumedFrom: { run: string; runUid: string; from: string };
  /** The stages whose outputs are offered; the run itself says of each whether it took them and why. */
  offered: string[];
  /** What the earlier run is doing: two runs of one release may be alive at once. */
  earlierState: RunState['status'];
}

/**
 * Starts a linked run that takes over what an earlier one made before a stage. Approvals are not taken over.
 * @throws ClientError `run_unknown`, `unknown_pipeline`, `unknown_stage`, `unknown_parameter`, `not_a_run`, `run_exists` (exit 2), `no_worker`
 * (exit 4) when the state of the earlier run cannot be read.
 */
export async function resumeRun({ client, run, from, own, set = {}, id, requestedBy, ui }: ResumeInput): Promise<ResumedRun> {
  checkNames(id ?? run, requestedBy);
  const { state, pipeline, spec, input: earlier } = await readEarlier({ client, run, own });
  const stage = stageToBeginWith(pipeline, spec, from);
  const changes = { ...state.overrides, ...parametersOf(spec, stage, set) };
  const inputs = inputsFor({ state, pipeline, spec, from: stage, begunWith: earlier.inputs });
  const resume = takenOver(pipeline, state, stage, requestersOf(spec, earlier));
  const input: RunInput = {
    v: 1,
    runUid: randomUUID(),
    spec: withInputs(withParameters(pipeline, earlier.spec, changes), inputs),
    requestedBy,
    ...(earlier.code === undefined ? {} : { code: earlier.code }),
    inputs,
    resume,
  };
  const started = id === undefined ? await launchNext({ client, pipeline, base: baseOf(state), input, ui }) : await launch({ client, run: id, pipeline, input, ui });
  return { ...started, resumedFrom: { run: resume.run, runUid: resume.runUid, from: stage }, offered: Object.keys(resume.stages), earlierState: state.status };
}

/** A resumed run that is resumed again goes on counting instead of growing a second end. */
const baseOf = ({ run, resumedFrom }: RunState): string => (resumedFrom === undefined ? run : run.replace(/-r\d+$/, '')).slice(0, 94);

async function launchNext({ client, pipeline, base, input, ui }: { client: Client; pipeline: PipelineDescription; base: string; input: RunInput; ui?: string | null }): Promise<StartedRun> {
  for (let n = 1; n <= MAX_RESUMES; n += 1) {
    try {
      const started = await launch({ client, run: `${base}-r${n}`, pipeline, input, ui });
      // The same answer means an earlier resume of the same: whoever asks without an id wants another one.
      if (started.runUid === input.runUid) return started;
    } catch (error) {
      if (!(error instanceof ClientError) || error.code !== 'run_exists') throw error;
    }
  }
  throw new ClientError({ code: 'run_exists', message: `${base} was resumed ${MAX_RESUMES} times; no number is free`, hint: 'Choose an id with --id', exitCode: EXIT_USAGE });
}

function stageToBeginWith(pipeline: PipelineDescription, spec: RunSpec, from: string): string {
  const taken = Object.keys(pipeline.stages).filter((name) => skipReasonOf(pipeline, spec, name) === undefined);
  const stage = taken.find((name) => name === from);
  if (stage !== undefined) return stage;
  const meant = nearest(from, taken);
  throw new ClientError({
    code: 'unknown_stage',
    message: `The run takes no stage ${JSON.stringify(from.slice(0, 100))}; it takes ${taken.join(', ')}`,
    hint: meant === undefined ? 'Name one of these with --from' : `Did you mean --from ${meant}?`,
    exitCode: EXIT_USAGE,
  });
}

/** Parameters by their full names. @throws ClientError `unknown_parameter` for one that the spec does not declare. */
function parametersOf(spec: RunSpec, stage: string, set: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(set).map(([name, value]) => {
      const path = resolveParameter(spec, stage, name);
      if (path !== undefined) return [path, value];
      const declared = declaredParameters(spec);
      const meant = nearest(name, declared.flatMap((full) => [full, full.split('.').at(-1) ?? full]));
      throw new ClientError({
        code: 'unknown_parameter',
        message: `The spec declares no parameter ${JSON.stringify(name.slice(0, 100))} for ${stage}; it declares ${declared.join(', ') || 'none'}`,
        hint: meant === undefined ? 'Only a declared parameter can be changed; start a new run with another spec: ferry start SPEC' : `Did you mean --set ${meant}=…?`,
        exitCode: EXIT_USAGE,
      });
    }),
  );
}

/**
 * What the run begins with: what the earlier one was given, but for what is made anew from here on, which it would hide.
 * An artifact that somebody put in place of a stage's product makes the run begin after that stage; then what the
 * skipped stages made comes along as far as a later one reads it.
 */
function inputsFor({ state, pipeline, spec, from, begunWith = {} }: { state: RunState; pipeline: PipelineDescription; spec: RunSpec; from: string; begunWith: RunInput['inputs'] }): Record<string, ArtifactRef> {
  const producers = producersOf(pipeline);
  const given = Object.entries({ ...begunWith, ...state.inputs }).filter(([name]) => {
    const producer = producers.get(name);
    return Object.hasOwn(spec.inputs, name) || (name !== 'release' && producer !== undefined && isBefore(pipeline, producer, from));
  });
  const inputs = Object.fromEntries(given);
  const begin = beginsAfter(pipeline, { inputs });
  if (begin === undefined) return inputs;
  const made = artifactsOf(state);
  const read = Object.entries(pipeline.stages).filter(([name]) => sectionOf(spec, name) !== undefined && isBefore(pipeline, begin.stage, name)).flatMap(([, { consumes }]) => Object.keys(consumes));
  for (const name of read) {
    const producer = producers.get(name);
    const ref = made[name];
    if (ref !== undefined && producer !== undefined && !isBefore(pipeline, begin.stage, producer)) inputs[name] = ref;
  }
  return inputs;
}

const sourcesOf = (inputs: Record<string, ArtifactRef>): Record<string, { artifact: string }> => Object.fromEntries(Object.entries(inputs).map(([name, { digest }]) => [name, { artifact: digest }]));

/** The spec names everything that its run begins with: people approve by it, and a run refuses what stands beside it. */
const withInputs = (spec: RunSpecInput, inputs: Record<string, ArtifactRef>): RunSpecInput => (Object.keys(inputs).length === 0 ? spec : { ...spec, inputs: sourcesOf(inputs) });
