import type { Client } from '@temporalio/client';
import { requestersOf } from '../domain/approval.js';
import { isBefore, type PipelineDescription } from '../domain/pipeline.js';
import type { RunInput, TakenOver } from '../domain/run-input.js';
import { sectionName, stageOf, type RunState } from '../domain/run-state.js';
import { pipelineOf, runSpecOf, type Pipelines, type RunSpec } from '../domain/spec.js';
import { readRun } from './describe.js';
import { ClientError, EXIT_UNREACHABLE, EXIT_USAGE } from './errors.js';
import { startInputOf } from './run-record.js';
import { pipelineFor } from './start.js';

/** A worker may have to replay a run before it answers for it. */
const STATE_TIMEOUT_MS = 10_000;

/** A run of which something may be taken over. */
export interface EarlierRun {
  state: RunState;
  pipeline: PipelineDescription;
  spec: RunSpec;
  /** With what it was started. */
  input: RunInput;
}

/**
 * Reads a run that another one is to take over from.
 * @throws ClientError `run_unknown`, `unknown_pipeline`, `not_a_run` (exit 2), `no_worker` (exit 4) when its state cannot be read.
 */
export async function readEarlier({ client, run, own }: { client: Client; run: string; own?: () => Promise<Pipelines> }): Promise<EarlierRun> {
  const { state, description } = await readRun({ client, run, timeoutMs: STATE_TIMEOUT_MS });
  if (state === undefined)
    throw new ClientError({ code: 'no_worker', message: `The state of ${run} cannot be read: it left none with its end, and no worker answers for it`, hint: 'Start a worker with: ferry worker, then repeat the command; nothing was started', exitCode: EXIT_UNREACHABLE });
  const input = await startInputOf(client, run, description.runId);
  const pipeline = input === undefined ? undefined : pipelineFor(input.spec, pipelineOf(input.spec) === undefined ? await own?.() : undefined);
  const spec = input === undefined || pipeline === undefined ? undefined : runSpecOf(pipeline).safeParse(input.spec).data;
  if (input === undefined || pipeline === undefined || spec === undefined)
    throw new ClientError({ code: 'not_a_run', message: `${run} was not started with a run spec that this version understands`, hint: 'Start a new run with: ferry start SPEC', exitCode: EXIT_USAGE });
  return { state, pipeline, spec, input };
}

/**
 * What a run of a spec of `pipeline` may take over from an earlier one; the run itself compares each stage.
 * @throws ClientError `other_pipeline` (exit 2)
 */
export function reusableOf({ state, pipeline: earlier, spec, input }: EarlierRun, pipeline: PipelineDescription): TakenOver {
  if (earlier.name === pipeline.name) return takenOver(pipeline, state, undefined, requestersOf(spec, input));
  throw new ClientError({ code: 'other_pipeline', message: `${state.run} is a run of the pipeline ${earlier.name}, the spec is of ${pipeline.name}`, hint: 'Name a run of the same pipeline with --reuse; see them with: ferry list', exitCode: EXIT_USAGE });
}

/** What stands before a stage, or everything; `asked` are those who asked for the earlier run: they may not approve this one. */
export function takenOver(pipeline: PipelineDescription, state: RunState, from: string | undefined, asked: readonly string[]): TakenOver {
  const stages: TakenOver['stages'] = {};
  for (const name of state.order.filter((n) => from === undefined || isBefore(pipeline, sectionName(state, n), from))) {
    const stage = stageOf(state, name);
    if (stage.state === 'done' && stage.identity !== undefined) stages[name] = { outputs: stage.outputs, figures: stage.figures, identity: stage.identity };
  }
  // A worker of an earlier version answers without the list.
  const requesters = new Set([...(state.requesters ?? [state.requestedBy]), ...asked]);
  return { run: state.run, runUid: state.runUid, ...(from === undefined ? {} : { from }), requesters: [...requesters], stages };
}
