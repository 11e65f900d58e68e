import * as z from 'zod';
import { ArtifactType, plainType } from './artifact.js';

/** Names that code gives to stages and artifacts: they stand in job keys, file names and environment variables. */
const isFree = (name: string): boolean => !(name in {});
const StageKey = z.string().regex(/^[a-z][A-Za-z0-9]{0,39}$/, 'a stage name in camelCase, letters and digits, at most 40').refine(isFree, 'another name: every object has this one');
const ArtifactName = z.string().regex(/^[a-z][A-Za-z0-9]{0,39}$/, 'an artifact name in camelCase, letters and digits, at most 40').refine(isFree, 'another name: every object has this one');

/** What a spec may say of a stage: `job` is one job, `served` one with servers beside it, `attempts` a ladder of jobs. */
export const SECTIONS = ['none', 'job', 'served', 'attempts', 'approval'] as const;
/** One of SECTIONS. */
export type SectionKind = (typeof SECTIONS)[number];

/** `optional`: read when it exists. `many`: any number of them, from the items of a fan-out. */
const Consumed = z.strictObject({ ...ArtifactType.shape, optional: z.boolean().optional(), many: z.boolean().optional() });
export type Consumed = z.infer<typeof Consumed>;

/** `optional`: a job may leave it out. */
const Produced = z.strictObject({ ...ArtifactType.shape, optional: z.boolean().optional() });
export type Produced = z.infer<typeof Produced>;

const StageDescription = z.strictObject({
  title: z.string().min(1).max(60),
  section: z.enum(SECTIONS),
  consumes: z.record(ArtifactName, Consumed),
  produces: z.record(ArtifactName, Produced),
  /** The section as a spec would write it, which a spec may change in part; without it the spec must give one. */
  defaults: z.record(z.string(), z.json()).optional(),
});

/** A stage as data: everything that a plan, a status and a check of a spec need to know of it. */
export interface StageDescription<C extends Readonly<Record<string, Consumed>> = Readonly<Record<string, Consumed>>, P extends Readonly<Record<string, Produced>> = Readonly<Record<string, Produced>>> {
  readonly title: string;
  readonly section: SectionKind;
  readonly consumes: C;
  readonly produces: P;
  readonly defaults?: Readonly<Record<string, unknown>>;
}

/** What checks a spec's `params`: a zod schema, whichever copy of zod made it. */
export interface ParamsSchema<T = unknown> {
  safeParse(value: unknown): { success: true; data: T } | { success: false; error: { issues: readonly { path: PropertyKey[]; message: string }[] } };
}

/** A pipeline as data: its stages in the order in which they show, and the artifacts that a run of it may begin with. */
export interface PipelineDescription {
  readonly schema: 'modelferry.pipeline/1';
  /** The workflow type; a spec names it under `pipeline`. */
  readonly name: string;
  readonly inputs: Readonly<Record<string, Consumed>>;
  readonly stages: Readonly<Record<string, StageDescription>>;
  /** What the spec's own `params` must be; absent: any. */
  readonly params?: ParamsSchema;
}

/** A run's state holds all of its stages, and has a bound. */
const MAX_STAGES = 40;

export const PipelineDescription: z.ZodType<PipelineDescription> = z
  .strictObject({
    schema: z.literal('modelferry.pipeline/1'),
    name: z.string().regex(/^[a-z][A-Za-z0-9]{0,59}$/, 'a pipeline name in camelCase, since it is the name of an exported function'),
    inputs: z.record(ArtifactName, Consumed),
    params: z.custom<ParamsSchema>((value) => typeof (value as Partial<ParamsSchema> | null)?.safeParse === 'function', 'a zod schema').optional(),
    stages: z.record(StageKey, StageDescription).refine((stages) => Object.keys(stages).length > 0 && Object.keys(stages).length <= MAX_STAGES, `1 to ${MAX_STAGES} stages`),
  })
  .superRefine((pipeline, context) => {
    const made = new Map<string, string>();
    for (const [stage, { produces }] of Object.entries(pipeline.stages)) {
      for (const name of Object.keys(produces)) {
        const other = made.get(name) ?? (Object.hasOwn(pipeline.inputs, name) ? 'the inputs' : undefined);
        if (other !== undefined) context.addIssue({ code: 'custom', path: ['stages', stage, 'produces', name], message: `another name: ${other} has an artifact ${name} already` });
        made.set(name, stage);
      }
    }
  });

/** The stage that makes each artifact, by the artifact's name. */
export const producersOf = (pipeline: PipelineDescription): ReadonlyMap<string, string> =>
  new Map(Object.entries(pipeline.stages).flatMap(([stage, { produces }]) => Object.keys(produces).map((name) => [name, stage] as const)));

/** True when a stage stands before the other in the pipeline; false for one that it does not have. */
export function isBefore(pipeline: PipelineDescription, a: string, b: string): boolean {
  const order = Object.keys(pipeline.stages);
  return order.includes(a) && order.indexOf(a) < order.indexOf(b);
}

/** A stage of checks alone, which a run takes wherever it begins. */
export const isCheck = ({ consumes, produces, section }: StageDescription): boolean => section === 'none' && Object.keys(consumes).length + Object.keys(produces).length === 0;

/** The type of an artifact of a pipeline, whoever makes it; undefined when the pipeline has none of this name. */
export function artifactTypeOf(pipeline: PipelineDescription, name: string): ArtifactType | undefined {
  const stage = producersOf(pipeline).get(name);
  const found = stage === undefined ? (Object.hasOwn(pipeline.inputs, name) ? pipeline.inputs[name] : undefined) : pipeline.stages[stage]?.produces[name];
  return found === undefined ? undefined : plainType(found);
}

/** Items of a fan-out: a run's state holds every one, and what a person is asked about each. */
export const MAX_ITEMS = 50;

/** What an item of a fan-out is called: its stage, a dash and the item. */
export const itemStage = (stage: string, item: string): string => `${stage}-${item}`;

/**
 * The input after whose producer a run begins: the stages up to that producer are skipped, whatever else its spec says
 * of them. Undefined when nothing is given from outside in a stage's place.
 */
export function beginsAfter(pipeline: PipelineDescription, spec: { inputs: Readonly<Record<string, unknown>> }): { stage: string; input: string } | undefined {
  const producers = producersOf(pipeline);
  let last: { stage: string; input: string } | undefined;
  for (const input of Object.keys(spec.inputs)) {
    const stage = producers.get(input);
    if (stage !== undefined && (last === undefined || isBefore(pipeline, last.stage, stage))) last = { stage, input };
  }
  return last;
}
