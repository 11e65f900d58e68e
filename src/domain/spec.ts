import * as z from 'zod';
import { Digest } from './canonical.js';
import { Duration } from './duration.js';
import { Params } from './job.js';
import { producersOf, type PipelineDescription, type StageDescription } from './pipeline.js';
import { Name, PersonName, QuorumRule, SECTION_SCHEMAS, type Section, type SectionInput } from './sections.js';
import { BUILT_IN_PIPELINES, RELEASE_PIPELINE } from './stage.js';
import { wiringProblems } from './wiring.js';

/** Where a job's own code comes from: a folder beside the spec (packed at start), or one that is packed already. */
const CodeSource = z.union([z.strictObject({ path: z.string().min(1).max(1024) }), z.strictObject({ artifact: Digest })]);

/** An input that a run begins with instead of making it: packed at start from a path, or taken from the store. */
const InputSource = z.union([z.strictObject({ artifact: Digest }), z.strictObject({ path: z.string().min(1).max(1024) })]);

/** What every run spec says, whatever its pipeline. */
const headShape = {
  schema: z.literal('modelferry.run/1'),
  model: Name('a model name'),
  version: Name('a version'),
  author: PersonName.optional().describe('Who asks for the release; may not approve it. Default: whoever starts the run.'),
  targetDate: z.iso.date().optional(),
  code: CodeSource.optional().describe('What the jobs run; relative to the spec file.'),
  params: Params.default({}).describe('Given to every job; a job\'s own params win.'),
  repair: z.strictObject({ deadline: Duration.prefault('30 days') }).prefault({}),
};
const Head = z.strictObject(headShape);

/** A run spec with its defaults filled in, those that the pipeline has for its stages included. It holds no host and no secret. */
export type RunSpec = z.infer<typeof Head> & {
  pipeline: string;
  inputs: Record<string, z.infer<typeof InputSource>>;
  stages: Record<string, Section>;
};

/** A spec as it is written and sent: durations are still texts, defaults not yet filled in. */
export type RunSpecInput = z.input<typeof Head> & {
  pipeline?: string;
  inputs?: Record<string, z.infer<typeof InputSource>>;
  stages?: Record<string, SectionInput | undefined>;
};

const made = new WeakMap<PipelineDescription, z.ZodType<RunSpec, RunSpecInput>>();

/** The schema of a pipeline's specs. Made once: it costs more than parsing a spec does. */
export function runSpecOf(pipeline: PipelineDescription): z.ZodType<RunSpec, RunSpecInput> {
  const known = made.get(pipeline);
  if (known !== undefined) return known;
  const begins = [...producersOf(pipeline).keys(), ...Object.keys(pipeline.inputs)];
  const { schema, ...head } = headShape;
  const shape = z
    .strictObject({
      schema,
      pipeline: z.literal(pipeline.name).default(pipeline.name),
      ...head,
      inputs: z.partialRecord(z.enum(begins), InputSource).default({}),
      stages: stagesSchema(pipeline),
    })
    .superRefine((spec, context) => {
      const params = pipeline.params?.safeParse(spec.params);
      if (params?.success === false) for (const { path, message } of params.error.issues) context.addIssue({ code: 'custom', path: ['params', ...path], message });
      for (const { path, message } of wiringProblems(pipeline, spec as RunSpec)) context.addIssue({ code: 'custom', path, message });
    });
  // The shapes of the sections are known by the pipeline's data alone, which the types don't see.
  const schemaOf = shape as unknown as z.ZodType<RunSpec, RunSpecInput>;
  made.set(pipeline, schemaOf);
  return schemaOf;
}

function stagesSchema(pipeline: PipelineDescription): z.ZodType {
  const shape = Object.fromEntries(Object.entries(pipeline.stages).map(([name, stage]) => [name, sectionSchema(stage)]));
  const stages = z.strictObject(shape);
  // A spec of a pipeline that says all by itself needs to say nothing of stages.
  return Object.values(pipeline.stages).some(({ defaults }) => defaults !== undefined) ? stages.prefault({}) : stages;
}

function sectionSchema({ section, defaults }: StageDescription): z.ZodType {
  const schema = SECTION_SCHEMAS[section];
  if (defaults === undefined) return schema.optional();
  return z.preprocess((given) => (section === 'approval' ? tightened(defaults, given) : merged(defaults, given)), schema);
}

/** As `merged`, but for roles: those that the pipeline asks stay, with at least its quorum. */
function tightened(defaults: Readonly<Record<string, unknown>>, given: unknown): unknown {
  const section = merged(defaults, given);
  const asked = z.array(QuorumRule).safeParse(defaults['roles'] ?? []).data ?? [];
  // Of another form it is refused by the schema.
  if (!isPlain(section) || !Array.isArray(section['roles']) || section['roles'] === defaults['roles']) return section;
  const added: unknown[] = section['roles'];
  const floorOf = (rule: unknown): QuorumRule | undefined => asked.find(({ role }) => isPlain(rule) && rule['role'] === role);
  const raised = added.map((rule) => {
    const parsed = QuorumRule.safeParse(rule).data;
    return parsed === undefined ? rule : { ...parsed, quorum: Math.max(parsed.quorum, floorOf(rule)?.quorum ?? 1) };
  });
  const missing = asked.filter((rule) => !added.some((other) => floorOf(other) === rule));
  return { ...section, roles: [...missing, ...raised] };
}

const isPlain = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What the pipeline says, with what the spec says in its place; lists are replaced whole. */
export function merged(defaults: unknown, given: unknown): unknown {
  if (given === undefined) return defaults;
  if (!isPlain(defaults) || !isPlain(given)) return given;
  const names = [...new Set([...Object.keys(defaults), ...Object.keys(given)])];
  return Object.fromEntries(names.map((name) => [name, Object.hasOwn(given, name) ? merged(Object.hasOwn(defaults, name) ? defaults[name] : undefined, given[name]) : defaults[name]]));
}

/** A spec of `releaseModel`: what an engineer writes. */
export const RunSpec = runSpecOf(RELEASE_PIPELINE);

/** Pipelines by name: those that every worker has, and those that a project brings. */
export type Pipelines = Readonly<Record<string, PipelineDescription>>;

/** The name of a spec's pipeline, as far as one can be read. */
export function pipelineNameOf(raw: unknown): string {
  const name = isPlain(raw) ? raw['pipeline'] : undefined;
  return typeof name === 'string' ? name : RELEASE_PIPELINE.name;
}

/** The pipeline that a spec names; undefined when it is none of those that are known here. */
export function pipelineOf(raw: unknown, own: Pipelines = {}): PipelineDescription | undefined {
  const name = pipelineNameOf(raw);
  const known = Object.hasOwn(BUILT_IN_PIPELINES, name) ? BUILT_IN_PIPELINES : own;
  return Object.hasOwn(known, name) ? known[name] : undefined;
}
