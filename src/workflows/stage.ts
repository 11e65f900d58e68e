import type { ArtifactRef, ArtifactType, Facets } from '../domain/artifact.js';
import type { Params } from '../domain/job.js';
import type { Consumed, Produced, StageDescription } from '../domain/pipeline.js';
import type { StageIdentity } from '../domain/run-state.js';
import type { SectionInput } from '../domain/sections.js';
import type { PipelineShape } from './pipeline.js';
import type { RunContext } from './run-context.js';

/** An artifact of a run as a pipeline hands it on: what it is in general, and the artifact itself once it exists. */
export interface Artifact<T extends ArtifactType = ArtifactType> {
  readonly type: T;
  /** Its name in the run: the output's, with a dash and the item for an item of a fan-out. */
  readonly name: string;
  /** Undefined where the stage was left out, or an optional output was not made. */
  readonly ref: ArtifactRef | undefined;
}

/**
 * A type of artifact: `artifact('checkpoint', { dtype: 'bf16' })`. What one stage makes fits what another reads when
 * the kinds are equal and every facet that the reader declares is declared the same by the maker.
 */
export const artifact = <const K extends string, const F extends Facets = Record<never, never>>(kind: K, facets?: F): Flat<{ readonly kind: K } & Readonly<NoInfer<F>>> => ({ kind, ...(facets as F) }) as Flat<{ readonly kind: K } & Readonly<F>>;

/** One taking of a stage, as its code sees it. */
export interface StageCall {
  readonly ctx: RunContext;
  readonly shape: PipelineShape;
  /** What the run calls it: its key in the pipeline, with a dash and the item for an item of a fan-out. */
  readonly name: string;
  /** Its key in the pipeline, which is what a spec calls it. */
  readonly section: string;
  readonly description: StageDescription;
  /** What it reads, by the stage's own names for it; what does not exist is left out. */
  readonly inputs: Readonly<Record<string, ArtifactRef>>;
  /** The parameters of an item of a fan-out, `item` among them. */
  readonly params: Params;
}

/** What a stage is done with. */
export interface StageResult {
  /** By the names under `produces`. */
  outputs?: Record<string, ArtifactRef>;
  figures?: Record<string, number | string>;
  /** What the result depends on; with it a later run may take the outputs over. */
  identity?: StageIdentity;
  /** What a person should know of how it came about. */
  reason?: string;
}

type ConsumedByName = Readonly<Record<string, Consumed>>;
type ProducedByName = Readonly<Record<string, Produced>>;

/** A stage: what it reads and makes, and what it does. Most are made by `jobStage`, `approvalStage` or `codeStage`. */
export interface StageDefinition<C extends ConsumedByName = ConsumedByName, P extends ProducedByName = ProducedByName> {
  readonly description: StageDescription<C, P>;
  /** What its result will depend on, known before it begins. */
  readonly identity?: (call: StageCall) => StageIdentity;
  /** Takes over what an earlier run made; true when the stage is done with that. */
  readonly reuse?: (call: StageCall) => Promise<boolean>;
  /**
   * Re-entrant: called anew after continue-as-new and after each repair, with the state of the interrupted call. Every
   * wait goes through `call.ctx`. Undefined when the run was sent back. StageTrouble opens the stage's repair gate.
   */
  readonly run: (call: StageCall) => Promise<StageResult | undefined>;
}

/** Written out by the compiler in its messages, where it would otherwise name what an object was made of. */
type Flat<T> = { [N in keyof T]: T[N] } & {};

/** What is declared of an artifact, without what only its reader or its maker says. */
type DeclaredOf<T> = Flat<{ readonly [N in keyof T as N extends keyof ArtifactType ? (undefined extends T[N] ? never : N) : never]: T[N] }>;
type ArtifactOf<T> = DeclaredOf<T> extends infer D extends ArtifactType ? Artifact<D> : never;
type InputOf<T extends Consumed> = T extends { readonly many: true } ? readonly ArtifactOf<T>[] : ArtifactOf<T>;
type OptionalKeys<C extends ConsumedByName> = { [N in keyof C]: C[N] extends { readonly optional: true } ? N : never }[keyof C];

/** What a stage is called with: each artifact that it reads, by the stage's own name for it. */
export type StageInputs<C extends ConsumedByName> = Flat<{ readonly [N in Exclude<keyof C, OptionalKeys<C>>]: InputOf<C[N]> } & { readonly [N in OptionalKeys<C>]?: InputOf<C[N]> }>;

/** What a stage returns: each artifact that it makes, by its name. */
export type StageOutputs<P extends ProducedByName> = Flat<{ readonly [N in keyof P]: ArtifactOf<P[N]> }>;

/** An item of a fan-out: its id, and parameters of its own beside the stage's. The job gets both; the id as `item`. */
export type FanOutItem = string | { readonly id: string; readonly params?: Params };

/** A stage inside a pipeline's body: called with its inputs, it is done when it returns. */
export interface StageFunction<C extends ConsumedByName, P extends ProducedByName> {
  (...inputs: Record<never, never> extends StageInputs<C> ? [inputs?: StageInputs<C>] : [inputs: StageInputs<C>]): Promise<StageOutputs<P>>;
  /**
   * Takes the stage once for each item, at most `limit` at a time (default 4). Each is a stage of its own, `evaluate-mmlu`,
   * with its own job, attempts and repair gate. At most 50 items: a run's state holds them all. Returns in the items' order.
   */
  each(items: readonly FanOutItem[], ...rest: Record<never, never> extends StageInputs<C> ? [inputs?: StageInputs<C>, options?: { limit?: number }] : [inputs: StageInputs<C>, options?: { limit?: number }]): Promise<StageOutputs<P>[]>;
}

/** The stages of a pipeline by their keys, as its body calls them. */
export type StageFunctions<S extends Readonly<Record<string, StageDefinition>>> = { readonly [N in keyof S]: S[N] extends StageDefinition<infer C, infer P> ? StageFunction<C, P> : never };

/** A stage together with what a spec would otherwise have to say of it, and may still change in part. */
export const configured = <const C extends ConsumedByName, const P extends ProducedByName>(stage: StageDefinition<C, P>, section: SectionInput = {}): StageDefinition<C, P> => ({
  ...stage,
  description: { ...stage.description, defaults: { ...section } },
});
