import { ApplicationFailure, CancellationScope, allHandlersFinished, condition, isCancellation, upsertMemo, workflowInfo } from '@temporalio/workflow';
import { requestersOf } from '../domain/approval.js';
import type { ArtifactRef } from '../domain/artifact.js';
import { digestOf } from '../domain/canonical.js';
import { STOPS, type FailureKind, type FailureView, type StopCode } from '../domain/failure.js';
import { RunId, repairGateId } from '../domain/ids.js';
import { skipReasonOf } from '../domain/plan.js';
import { PipelineDescription } from '../domain/pipeline.js';
import { StartInput, type RunInput } from '../domain/run-input.js';
import { initialState, outputName, placeOf, sectionName, stageOf, upgradeState } from '../domain/run-state.js';
import { runSpecOf, type RunSpec } from '../domain/spec.js';
import { currentStage } from '../domain/views.js';
import { failure } from '../temporal-failure.js';
import { assertDecrypted } from '../temporal-payloads.js';
import { endJobsOf } from './end-jobs.js';
import { listen } from './inbox.js';
import type { PipelineShape, RunResult, RunnablePipeline } from './pipeline.js';
import { RunContext } from './run-context.js';
import { troubleOf } from './stage-trouble.js';
import { takeStages } from './take-stages.js';

/**
 * Runs a pipeline to its end: the body of every pipeline workflow. Handlers are set before the first await. A stage that
 * fails for good opens its repair gate and is taken again; only people and deadlines end a run early.
 */
export async function runPipeline(runnable: RunnablePipeline, input: RunInput): Promise<RunResult> {
  const ctx = openRun(runnable.pipeline, input);
  const wired = new Map<string, readonly string[]>();
  const shape = shapeOf(runnable.pipeline, wired);
  listen(ctx, shape);
  // The sweep tells two runs of one id apart by it; a run that was not started by ferry would lose its jobs to the sweep.
  if (workflowInfo().memo?.['runUid'] !== ctx.state.runUid) upsertMemo({ runUid: ctx.state.runUid });
  try {
    skipAtOnce(ctx);
    await takeStages({ ctx, shape, runnable, wired });
    // What could not be stopped when its stage was done with it.
    await endJobsOf(ctx, undefined, 'finished');
    ctx.emit({ type: 'ended', status: 'completed' });
  } catch (error) {
    await closeRun(ctx, error);
  }
  ctx.show();
  await condition(allHandlersFinished);
  return { state: ctx.state };
}

/** `wired`: what each stage was called with in this execution, by its name in the run. */
function shapeOf(pipeline: PipelineDescription, wired: ReadonlyMap<string, readonly string[]>): PipelineShape {
  const gates = Object.entries(pipeline.stages).flatMap(([name, { section }]) => (section === 'approval' ? [name] : []));
  return {
    gateIds: [...gates, ...Object.keys(pipeline.stages).map(repairGateId)],
    inputsOf: (stage) => wired.get(stage) ?? [],
    backTo: (ctx, stage) => ctx.state.order.slice(0, ctx.state.order.indexOf(stage) + 1).filter((name) => stageOf(ctx.state, name).state !== 'skipped'),
    sendBack: (ctx, to, by, reason) => {
      const { state } = ctx;
      // A skipped stage is not done again: an input that the run began with in place of its product stays.
      const again = state.order.slice(placeOf(state, to)).map((name) => stageOf(state, name)).filter((stage) => stage.state !== 'skipped');
      const redone = again.flatMap((stage) => Object.keys(pipeline.stages[sectionName(state, stage.name)]?.produces ?? {}).map((output) => outputName(stage, output)));
      ctx.emit({ type: 'sent_back', to, by, reason, dropInputs: redone });
    },
  };
}

const issuesOf = (error: { issues: readonly { path: PropertyKey[]; message: string }[] }): string => error.issues.map((i) => `${i.path.join('.')}: ${i.message}`).slice(0, 5).join('; ');

function openRun(pipeline: PipelineDescription, input: RunInput): RunContext {
  const info = workflowInfo();
  const described = PipelineDescription.safeParse(pipeline, { jitless: true });
  // A mistake in the code: the task fails, and a deploy of a mended worker goes on.
  if (!described.success) throw new TypeError(`the pipeline ${pipeline.name} is not valid: ${issuesOf(described.error)}`);
  assertDecrypted(input);
  const start = StartInput.safeParse(input, { jitless: true });
  if (start.error !== undefined) throw failure('spec_invalid', `this is no start of a run: ${issuesOf(start.error)}; use ferry start`);
  if (!RunId.safeParse(info.workflowId).success) throw failure('spec_invalid', `a run's workflow id has letters, digits, dot, dash and underscore alone; use ferry start`);
  // Once a run: compiling a parser first, which zod does otherwise, takes longer than reading the spec without.
  const parsed = runSpecOf(pipeline).safeParse(input.spec, { jitless: true });
  // A ZodError that leaves a workflow is no failure to Temporal: the task would be tried again for ever.
  if (!parsed.success) throw failure('spec_invalid', `the spec of this run is not valid: ${issuesOf(parsed.error)}`);
  if (input.carried !== undefined) {
    if (info.continuedFromExecutionRunId === undefined) throw failure('state_forged', 'a run starts without a state; only continue-as-new carries one');
    return new RunContext(input, pipeline, parsed.data, upgradeState(input.carried));
  }
  const spec = parsed.data;
  const unbound = unboundInputs(spec, input);
  if (unbound.length > 0) throw failure('spec_invalid', `the start brings what its spec does not name: ${unbound.join('; ')}; use ferry start`);
  const state = initialState({
    run: info.workflowId,
    runUid: input.runUid,
    model: spec.model,
    version: spec.version,
    specDigest: digestOf(input.spec),
    requestedBy: spec.author ?? input.requestedBy,
    requesters: requestersOf(spec, input),
    startedAt: new Date().toISOString(),
    order: Object.keys(pipeline.stages),
    resumedFrom: input.resume === undefined ? undefined : { run: input.resume.run, runUid: input.resume.runUid, from: input.resume.from },
  });
  return new RunContext(input, pipeline, spec, { ...state, inputs: input.inputs ?? {} });
}

/** The spec is what people approve and what its digest covers: artifacts beside it must be the ones that it names. */
function unboundInputs(spec: RunSpec, input: RunInput): string[] {
  const named: Record<string, { artifact: string } | { path: string } | undefined> = { ...spec.inputs, code: spec.code };
  const given: Record<string, ArtifactRef | undefined> = { ...input.inputs, code: input.code };
  return [...new Set([...Object.keys(named), ...Object.keys(given)])].flatMap((name) => {
    const source = named[name];
    const wanted = source !== undefined && 'artifact' in source ? source.artifact : undefined;
    return wanted === given[name]?.digest ? [] : [`${name} is ${given[name]?.digest ?? 'missing'}, the spec says ${wanted ?? 'nothing'}`];
  });
}

/** Stages that will not be taken say so from the start, not only when their turn comes. */
function skipAtOnce(ctx: RunContext): void {
  for (const name of ctx.state.order) {
    const reason = stageOf(ctx.state, name).state === 'pending' ? skipReasonOf(ctx.pipeline, ctx.spec, sectionName(ctx.state, name)) : undefined;
    if (reason !== undefined) ctx.emit({ type: 'stage_skipped', stage: name, reason });
  }
}

/** The end of a run that did not complete: no job of it stays alive, and its state goes with the failure. */
async function closeRun(ctx: RunContext, error: unknown): Promise<never> {
  if (isCancellation(error)) {
    await close(ctx, () => ctx.emit({ type: 'ended', status: 'cancelled' }));
    throw error;
  }
  const end = endOf(ctx, error);
  // Anything else is a mistake in the code (or continue-as-new on its way out): the task fails and a deploy mends it.
  if (end === undefined) throw error;
  await close(ctx, () => {
    const stage = ctx.failing ?? currentStage(ctx.state)?.name;
    // Beside it others may have been under way; the one that ends the run comes last, since its failure is the run's.
    for (const name of ctx.state.order) {
      const { state } = stageOf(ctx.state, name);
      if (name !== stage && (state === 'running' || state === 'waiting')) ctx.emit({ type: 'stage_failed', stage: name, failure: { ...end.failure, message: `the run ended at ${stage} while this was under way` } });
    }
    if (stage !== undefined) ctx.emit({ type: 'stage_failed', stage, failure: { ...end.failure, message: end.message } });
    ctx.emit({ type: 'ended', status: end.type === 'rejected' ? 'rejected' : 'failed', ...(end.type in STOPS ? { stop: end.type as StopCode } : {}), failure: end.failure });
  });
  throw failure(end.type, end.message, [ctx.state]);
}

async function close(ctx: RunContext, tell: () => void): Promise<void> {
  ctx.closing = true;
  await CancellationScope.nonCancellable(async () => {
    await endJobsOf(ctx, undefined, 'cancelled');
    tell();
    ctx.show();
    await condition(allHandlersFinished);
  });
}

/** Why a run ends: a stop of ours, or an activity's failure that no repair gate took; undefined for anything else. */
function endOf(ctx: RunContext, error: unknown): { type: StopCode | FailureKind; message: string; failure: FailureView } | undefined {
  const trouble = troubleOf(error);
  if (trouble !== undefined) return { type: trouble.kind, message: trouble.message, failure: trouble };
  if (!(error instanceof ApplicationFailure) || error.type == null || !Object.hasOwn(STOPS, error.type)) return undefined;
  const type = error.type as StopCode;
  const own: FailureView = { kind: type, message: error.message, owner: 'requester', nextAction: 'stop' };
  // A person who stops a run at its repair gate does so for the failure that opened it; a rejection is its own reason.
  return { type, message: error.message, failure: type === 'stopped' ? (ctx.state.failure ?? own) : own };
}
