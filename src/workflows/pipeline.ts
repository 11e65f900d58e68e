import type { Params } from '../domain/job.js';
import type { Consumed, ParamsSchema, PipelineDescription } from '../domain/pipeline.js';
import type { RunInput } from '../domain/run-input.js';
import type { RunState } from '../domain/run-state.js';
import type { RunContext } from './run-context.js';
import { runPipeline } from './run-pipeline.js';
import type { StageDefinition, StageFunctions, StageOutputs } from './stage.js';

/** What gates and messages need to know of a pipeline. */
export interface PipelineShape {
  gateIds: readonly string[];
  /** The artifacts that a stage reads and a person may replace at its repair gate, by their names in the run. */
  inputsOf: (stage: string) => readonly string[];
  /** The stages that a run can be sent back to from a stage: those before it that were taken, and itself. */
  backTo: (ctx: RunContext, stage: string) => string[];
  sendBack: (ctx: RunContext, to: string, by: string, reason: string) => void;
}

/** What a completed run returns; a failed one carries the state as its failure's first detail. */
export interface RunResult {
  state: RunState;
}

type Stages = Readonly<Record<string, StageDefinition>>;
type Inputs = Readonly<Record<string, Consumed>>;

/** What a pipeline's body knows of its run besides the stages. */
export interface PipelineRun<I extends Inputs = Inputs, Q = Params> {
  /** What the run begins with. */
  readonly inputs: StageOutputs<I>;
  /** The spec's own `params`, as the pipeline's schema parsed them. */
  readonly params: Q;
  readonly model: string;
  readonly version: string;
}

/** What `definePipeline` makes a pipeline of. */
export interface PipelineDefinition<S extends Stages = Stages, I extends Inputs = Inputs, Q = Params> {
  /** The workflow type, and what a spec names under `pipeline`: export the pipeline under this name. */
  name: string;
  /** In the order in which they show; a run can be sent back to any that comes before. */
  stages: S;
  /** Artifacts that a run begins with, which its spec gives under `inputs`. */
  inputs?: I;
  /** What the spec's own `params` must be, told by `ferry plan` and refused at the start. Default: any JSON values. */
  params?: ParamsSchema<Q>;
  /**
   * Calls the stages and hands their artifacts on. Called from the start again after continue-as-new and after a
   * send-back; a stage that is done returns at once what it made. So whatever is no stage is done again too: keep timers
   * and activities inside stages.
   */
  run: (stages: StageFunctions<S>, run: PipelineRun<I, Q>) => Promise<void>;
}

/** A pipeline: the workflow function itself, and the data by which plans, specs and statuses know it. */
export interface Pipeline {
  (input: RunInput): Promise<RunResult>;
  readonly pipeline: PipelineDescription;
}

/**
 * Makes a pipeline of stages. The result is a workflow: exported from the file that a worker bundles, under the
 * pipeline's name. Its names are checked where it is loaded (`loadPipelines`, so by `ferry plan` and `ferry worker`) and
 * when a run begins: not here, since each run loads all pipelines of its worker.
 */
export function definePipeline<const S extends Stages, const I extends Inputs = Record<never, never>, Q = Params>(definition: PipelineDefinition<S, I, Q>): Pipeline {
  const { name, stages, inputs, params } = definition;
  const pipeline: PipelineDescription = {
    schema: 'modelferry.pipeline/1',
    name,
    inputs: inputs ?? {},
    stages: Object.fromEntries(Object.entries(stages).map(([key, stage]) => [key, stage.description])),
    ...(params === undefined ? {} : { params }),
  };
  const body = definition.run as unknown as PipelineBody;
  return Object.assign((input: RunInput) => runPipeline({ pipeline, stages, body }, input), { pipeline });
}

/** A pipeline's body without its types, as the engine calls it. */
export type PipelineBody = (stages: Readonly<Record<string, unknown>>, run: PipelineRun<Inputs, unknown>) => Promise<void>;

/** What the engine runs. */
export interface RunnablePipeline {
  pipeline: PipelineDescription;
  stages: Stages;
  body: PipelineBody;
}
