import { ApplicationFailure, CancellationScope, ContinueAsNew, condition, isCancellation } from '@temporalio/workflow';
import { misfits, plainType, type ArtifactRef, type ArtifactType } from '../domain/artifact.js';
import { repairGateId } from '../domain/ids.js';
import type { Params } from '../domain/job.js';
import { MAX_ITEMS, itemStage, type Consumed, type Produced } from '../domain/pipeline.js';
import { skipReasonOf } from '../domain/plan.js';
import { artifactsOf, isLive, outputName, stageOf } from '../domain/run-state.js';
import { failure } from '../temporal-failure.js';
import { endJobsOf } from './end-jobs.js';
import type { PipelineBody, PipelineShape, RunnablePipeline } from './pipeline.js';
import { repair } from './repair.js';
import type { RunContext } from './run-context.js';
import type { Artifact, FanOutItem, StageCall, StageDefinition } from './stage.js';
import { StageTrouble, troubleOf } from './stage-trouble.js';

/** Jobs that a fan-out has at once unless its caller says otherwise. */
const DEFAULT_LIMIT = 4;

const ITEM = /^[A-Za-z0-9][A-Za-z0-9-]{0,39}$/;

export interface StageTaking {
  ctx: RunContext;
  shape: PipelineShape;
  runnable: RunnablePipeline;
  /** Written here: the names of the artifacts with which each stage was called. */
  wired: Map<string, readonly string[]>;
}

/** Thrown through a pipeline's body when a person has sent the run back: the body is called from its start again. */
class SentBack extends Error {}

/** One call of the body. */
interface Pass {
  underWay: Map<string, Promise<unknown>>;
  called: Set<string>;
  /** What the first stage to fail threw: a body that catches it does not get past it. */
  failed: { error: unknown } | undefined;
  /** Ends the pass at once, though the body waits for another stage, or for none. */
  fail: (error: unknown) => void;
}

/** Calls a pipeline's body until it has gone through: anew after each send-back, when what is done returns at once. */
export async function takeStages(taking: StageTaking): Promise<void> {
  while ((await passThrough(taking)) === 'sent back');
  for (const name of taking.ctx.state.order)
    if (stageOf(taking.ctx.state, name).state === 'pending') taking.ctx.emit({ type: 'stage_skipped', stage: name, reason: 'the pipeline did not take it' });
}

async function passThrough(taking: StageTaking): Promise<'done' | 'sent back'> {
  const { ctx, runnable } = taking;
  const { round } = ctx.state;
  let over: (error: unknown) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => (over = reject));
  failed.catch(() => undefined);
  const fail = (error: unknown): void => {
    pass.failed ??= { error };
    over(error);
  };
  const pass: Pass = { underWay: new Map(), called: new Set(), failed: undefined, fail };
  ctx.failing = undefined;
  const { underWay } = pass;
  const scope = new CancellationScope();
  try {
    await scope.run(async () => {
      // A person who sends the run back, or stops it, at a stage that the body is not waiting for is not kept waiting.
      await Promise.race([runnable.body(stageFunctions(taking, pass), runOf(taking)), failed]);
      // Called and not waited for: a run has not ended before all of its stages have, those among them that are called
      // when one before them is done.
      for (; underWay.size > 0; await nextTurn()) await Promise.race([Promise.allSettled(underWay.values()), failed]);
      if (pass.failed !== undefined) throw pass.failed.error;
    });
  } catch (error) {
    // A mistake in the code fails the task alone: what runs beside it is not ended for it, and goes on after a deploy.
    if (error instanceof ContinueAsNew || !(error instanceof SentBack || error instanceof ApplicationFailure || isCancellation(error) || troubleOf(error) !== undefined)) throw error;
    const abandoned = [...underWay.keys()];
    if (abandoned.length > 0) {
      // Beside the one that failed or was sent back: they must not start jobs while the run ends, or begins anew.
      scope.cancel();
      await Promise.allSettled(underWay.values());
    }
    if (!(error instanceof SentBack)) throw error;
    for (const name of abandoned) await endWhatIsRedone(ctx, name);
  }
  return ctx.state.round === round ? 'done' : 'sent back';
}

/** Whoever waits for a stage goes on first, however deep in functions of its own. No command: a condition that holds when it is asked again. */
async function nextTurn(): Promise<void> {
  let asked = 0;
  await condition(() => asked++ > 0);
}

/** A job that was alive when its stage was sent back works for nobody any more. */
async function endWhatIsRedone(ctx: RunContext, name: string): Promise<void> {
  if (stageOf(ctx.state, name).state === 'pending' && ctx.state.jobs.some((job) => job.stage === name && isLive(job))) await endJobsOf(ctx, name, 'replaced');
}

function runOf({ ctx, runnable }: StageTaking): Parameters<PipelineBody>[1] {
  const { params: given, model, version } = ctx.spec;
  const parsed = runnable.pipeline.params?.safeParse(given);
  // Parsed once already with the spec, which would have been refused.
  const params = parsed?.success === true ? parsed.data : given;
  return { params, model, version, inputs: Object.fromEntries(Object.entries(runnable.pipeline.inputs).map(([name, type]) => [name, handleOf(ctx, name, type)])) };
}

/** Reads the state when it is asked: a person may have put another artifact in its place meanwhile. */
function handleOf(ctx: RunContext, name: string, type: ArtifactType): Artifact {
  return {
    type: plainType(type),
    name,
    get ref() {
      return artifactsOf(ctx.state)[name];
    },
  };
}

type Given = Readonly<Record<string, Artifact | readonly Artifact[] | undefined>>;
type Made = Record<string, Artifact>;

function stageFunctions(taking: StageTaking, pass: Pass): Record<string, unknown> {
  const { ctx, runnable } = taking;
  const tracked = (one: OneStage): Promise<Made> => {
    // A body that goes on after that would take stages in the next round with what the last one made.
    if (pass.failed !== undefined) throw pass.failed.error;
    // It is taken once a run: a second call would get what the first one made, whatever it asks for.
    if (pass.called.has(one.name)) throw new TypeError(`the stage ${one.name} was called twice; take it for several items with each`);
    pass.called.add(one.name);
    const taken = takeTracked(one);
    pass.underWay.set(one.name, taken);
    // Whoever called may not be waiting for it: it is heard at the end of the body, and is no unhandled rejection before.
    taken.catch(() => undefined);
    return taken;
  };
  const takeTracked = async (one: OneStage): Promise<Made> => {
    try {
      await take(taking, one);
    } catch (error) {
      if (pass.failed === undefined) ctx.failing = one.name;
      pass.fail(error);
      throw error;
    } finally {
      pass.underWay.delete(one.name);
    }
    const stage = stageOf(ctx.state, one.name);
    return outputsOf(ctx, one.definition, (output) => outputName(stage, output));
  };
  return Object.fromEntries(
    Object.entries(runnable.stages).map(([key, definition]) => [
      key,
      Object.assign((given: Given = {}) => tracked({ key, name: key, definition, given, params: {} }), {
        each: (items: readonly FanOutItem[], given: Given = {}, { limit = DEFAULT_LIMIT }: { limit?: number } = {}) => {
          const each = async (): Promise<Made[]> => {
            if (pass.failed !== undefined) throw pass.failed.error;
            if (pass.called.has(key)) throw new TypeError(`the stage ${key} was called twice; name all of its items in one call`);
            pass.called.add(key);
            if (!Number.isInteger(limit) || limit < 1) throw new TypeError(`${limit} items of ${key} at a time: a whole number from 1`);
            const list = expand(ctx, key, items);
            return await limited(list, limit, ({ id, params }) => tracked({ key, name: itemStage(key, id), definition, given, params: { ...params, item: id } }));
          };
          const taken = each();
          // As above: nobody may be waiting for it, and a rejection that nobody handles fails the workflow task for ever.
          taken.catch(pass.fail);
          return taken;
        },
      }),
    ]),
  );
}

const outputsOf = (ctx: RunContext, { description }: StageDefinition, nameOf: (output: string) => string): Made =>
  Object.fromEntries(Object.entries(description.produces).map(([output, type]: [string, Produced]) => [output, handleOf(ctx, nameOf(output), type)]));

/** The items as stages of the run; none where the stage is left out. */
function expand(ctx: RunContext, key: string, items: readonly FanOutItem[]): { id: string; params?: Params }[] {
  // Not by its state: with nothing to take it for in one round, there may be something in the next.
  if (skipReasonOf(ctx.pipeline, ctx.spec, key) !== undefined) return [];
  const list = items.map((item) => (typeof item === 'string' ? { id: item } : item));
  const ids = list.map(({ id }) => id);
  // Regardless of case: a job that reads them all finds each under a variable in upper case.
  const plain = ids.map((id) => id.toUpperCase());
  const wrong = ids.find((id, i) => !ITEM.test(id) || plain.indexOf(id.toUpperCase()) !== i);
  // They may come from a spec: what is wrong with them is for whoever wrote it, not for a deploy.
  if (wrong !== undefined) throw failure('spec_invalid', `${JSON.stringify(wrong)} cannot be an item of ${key}: each id once, whatever its case, of letters, digits and dashes, at most 40`);
  if (ids.length > MAX_ITEMS) throw failure('spec_invalid', `${ids.length} items of ${key}; a run holds at most ${MAX_ITEMS}: let one job do several`);
  if (ids.length === 0) {
    if (Object.hasOwn(ctx.state.stages, key)) ctx.emit({ type: 'stage_skipped', stage: key, reason: 'there was nothing to take it for' });
    return [];
  }
  const there = ctx.state.order.filter((name) => stageOf(ctx.state, name).of === key);
  if (there.join() !== ids.map((id) => itemStage(key, id)).join()) ctx.emit({ type: 'stage_expanded', stage: key, items: ids });
  return list;
}

/** At most `limit` at a time, in order; the results in the order of the items. */
async function limited<T, R>(items: readonly T[], limit: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < items.length; i = next++) results[i] = await work(items[i] as T);
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(limit, items.length)) }, worker));
  return results;
}

interface OneStage {
  key: string;
  /** In the run. */
  name: string;
  definition: StageDefinition;
  given: Given;
  params: Params;
}

/** Takes a stage until it is done: again after each repair. */
async function take(taking: StageTaking, one: OneStage): Promise<void> {
  const { ctx } = taking;
  checkTypes(one);
  taking.wired.set(one.name, replaceable(one));
  const { round } = ctx.state;
  while (!['done', 'skipped'].includes(stageOf(ctx.state, one.name).state)) {
    await takeOnce(taking, one);
    if (ctx.state.round !== round) throw new SentBack();
  }
}

const given = ({ definition, given: all }: OneStage): [string, Consumed, readonly Artifact[]][] =>
  Object.entries(definition.description.consumes).map(([name, type]) => [name, type, [all[name] ?? []].flat()]);

/** The compiler holds this too, where a pipeline is compiled. */
function checkTypes(one: OneStage): void {
  for (const [name, type, artifacts] of given(one)) {
    for (const artifact of artifacts) {
      const wrong = misfits(type, artifact.type);
      if (wrong.length > 0) throw new TypeError(`the stage ${one.name} cannot read ${artifact.name} as ${name}: ${wrong.join(', ')}`);
    }
  }
}

/** A release is what people approved: put in by hand it would be rolled out without them. */
const replaceable = (one: OneStage): string[] => given(one).flatMap(([, type, artifacts]) => (type.kind === 'release' ? [] : artifacts.map(({ name }) => name)));

function callOf({ ctx, shape }: StageTaking, one: OneStage): StageCall {
  const inputs: Record<string, ArtifactRef> = {};
  for (const [name, { many }, artifacts] of given(one)) for (const artifact of artifacts) if (artifact.ref !== undefined) inputs[many === true ? artifact.name : name] = artifact.ref;
  return { ctx, shape, name: one.name, section: one.key, description: one.definition.description, inputs, params: one.params };
}

function checkInputs(one: OneStage): void {
  for (const [name, { kind, optional }, artifacts] of given(one)) {
    if (optional === true || artifacts.some(({ ref }) => ref !== undefined)) continue;
    throw new StageTrouble({ kind: 'missing_file', message: `there is no ${name} for ${one.name} to read: no stage made the ${kind}, and the run did not begin with one`, owner: 'requester', nextAction: 'ask_human' });
  }
}

async function takeOnce(taking: StageTaking, one: OneStage): Promise<void> {
  const { ctx, shape } = taking;
  const { name, definition } = one;
  const { round } = stageOf(ctx.state, name);
  // After continue-as-new at a repair gate the stage's body must not run again before somebody has answered.
  if (stageOf(ctx.state, name).gate === repairGateId(name)) return await repair(ctx, shape, name, stageOf(ctx.state, name).failure ?? ctx.state.failure);
  try {
    checkInputs(one);
    const call = callOf(taking, one);
    if (stageOf(ctx.state, name).state === 'pending') {
      if ((await definition.reuse?.(call)) === true) return;
      ctx.emit({ type: 'stage_started', stage: name, identity: definition.identity?.(call) });
    }
    const result = await definition.run(call);
    if (result === undefined) return;
    // Sent back while it was about to end: what it made belongs to a round that is over.
    if (stageOf(ctx.state, name).round !== round) throw new SentBack();
    const { outputs = {}, figures = {}, identity, reason } = result;
    ctx.emit({ type: 'stage_done', stage: name, outputs, figures, identity, reason });
  } catch (error) {
    const trouble = isCancellation(error) ? undefined : troubleOf(error);
    if (trouble === undefined) throw error;
    await repair(ctx, shape, name, trouble);
  }
}
