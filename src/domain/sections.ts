import * as z from 'zod';
import { Facets } from './artifact.js';
import { Duration } from './duration.js';
import { Backend, EnvValue, Params } from './job.js';
import type { SectionKind } from './pipeline.js';
import { SERVER_NAMES, type ServerName } from './stage.js';

export const Name = (what: string): z.ZodString => z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, `${what}: letters, digits, dot, dash and underscore, a letter or digit first`);

/** What people call themselves: a site file's approvers use the same form, so that a look-alike is refused as unknown. */
export const PersonName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}$/, 'a name of ASCII letters, digits and . _ @ + -');

/** What any external process of a stage is: what runs, and where. */
const processShape = {
  command: z.array(z.string().min(1).max(32_768)).min(1).max(1000).describe('Program and arguments; no shell reads them.'),
  executor: z.string().default('local').describe('An executor of the site.'),
  backend: Backend.default('cpu'),
  simulated: z.boolean().default(false).describe('True when the backend is only imitated; it is then named so wherever it shows.'),
  params: Params.default({}),
  env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,99}$/), EnvValue).default({}),
  grace: Duration.prefault('30 seconds').describe('How long a job may take to save after SIGTERM.'),
};

const jobShape = {
  ...processShape,
  failures: z.number().int().min(1).max(100).default(3).describe('Failures without progress before the next choice.'),
  tryAgain: z.number().int().min(1).max(10_000).default(20).describe('Exits 75 without progress before they count as a failure.'),
  backoff: Duration.prefault('5 seconds').describe('Wait before the second try; doubles up to backoffMax.'),
  backoffMax: Duration.prefault('5 minutes'),
  loadsFormats: z.array(z.string().min(1).max(40)).optional().describe('Checkpoint formats that it can resume from; absent: any.'),
  keepCheckpoints: z.number().int().min(1).max(1000).default(3),
};

/** One job: what runs, where, and how often it is tried. */
export const JobPlan = z.strictObject(jobShape);
export type JobPlan = z.infer<typeof JobPlan>;
/** A job as a spec writes it: durations are texts, defaults may be left out. */
export type JobPlanInput = z.input<typeof JobPlan>;

/** A server beside a stage's job: started before it, ended after it, anew with each of its attempts. */
export const ServerPlan = z.strictObject({
  ...processShape,
  readyWithin: Duration.prefault('30 minutes').describe('How long it may take from its start to its ready line; a large model loads for a while.'),
});
export type ServerPlan = z.infer<typeof ServerPlan>;

const facetsByName = z.record(z.string().max(40), Facets);

/** What a spec declares of the artifacts that flow here. A reader's declaration must be the maker's, or the plan is refused. */
const wiringShape = {
  consumes: facetsByName.optional().describe('What this stage needs of its inputs, by name.'),
  produces: facetsByName.optional().describe('What this stage makes its outputs as, by name; kept with each as annotations.'),
};

const servers = z.partialRecord(z.enum(SERVER_NAMES), ServerPlan);

export const QuorumRule = z.strictObject({ role: Name('a role'), quorum: z.number().int().min(1).max(50).default(1) });
export type QuorumRule = z.infer<typeof QuorumRule>;

/** What happens when nobody decides in time. Approval is not a legal value, so that silence is never consent. */
const OnExpiry = z.enum(['reject']);

/** Roles that must approve. A run carries who approved, so their number has a bound, far above what any release needs. */
export const QuorumRules = z
  .array(QuorumRule)
  .max(10)
  .refine((rules) => rules.reduce((sum, rule) => sum + rule.quorum, 0) <= 20, 'at most 20 approvals in all')
  .refine((rules) => new Set(rules.map((rule) => rule.role)).size === rules.length, 'each role once');

/** The schema of a stage's section by its kind. */
export const SECTION_SCHEMAS = {
  none: z.strictObject({}),
  job: z.strictObject({ job: JobPlan, ...wiringShape }),
  served: z.strictObject({ job: JobPlan, servers: servers.default({}).describe('Reached by the job at FERRY_URL_REFERENCE and FERRY_URL_CANDIDATE.'), ...wiringShape }),
  attempts: z.strictObject({ attempts: z.array(JobPlan).min(1).max(10).describe('Tried in this order: the next takes over when one has spent its budget without progress.'), ...wiringShape }),
  approval: z.strictObject({
    roles: QuorumRules.default([]).describe('Added to the site\'s floor; they can only tighten it.'),
    deadline: Duration.prefault('7 days'),
    onExpiry: OnExpiry.default('reject'),
  }),
} as const satisfies Record<SectionKind, z.ZodType>;

type WithKeys = Exclude<SectionKind, 'none'>;
type Union<K extends 'input' | 'output'> = { [S in WithKeys]: K extends 'input' ? z.input<(typeof SECTION_SCHEMAS)[S]> : z.infer<(typeof SECTION_SCHEMAS)[S]> }[WithKeys];
type KeyOf<T> = T extends unknown ? keyof T : never;
type ValueOf<T, K extends PropertyKey> = T extends unknown ? (K extends keyof T ? T[K] : never) : never;
/** One object with every key of the members, each of which may be absent. */
type AnyOf<T> = { [K in KeyOf<T>]?: ValueOf<T, K> };

/** A stage's section as it is written, and with its defaults filled in: which keys it has depends on the stage's kind. */
export type SectionInput = AnyOf<Union<'input'>>;
/** What a parsed spec says of a stage; durations are milliseconds. */
export type Section = AnyOf<Union<'output'>>;

/** The sections of a spec, by stage. */
export type Sections = Readonly<Record<string, Section>>;

/** What a spec says of a stage; undefined when it leaves the stage out. */
export const sectionOf = (spec: { stages: Sections }, stage: string): Section | undefined => (Object.hasOwn(spec.stages, stage) ? spec.stages[stage] : undefined);

/** The jobs of a stage in the order in which they are tried: one for most, several for a ladder of attempts, none for a stage without a job. */
export function ladderOf(spec: { stages: Sections }, stage: string): JobPlan[] {
  const section = sectionOf(spec, stage);
  return section?.attempts ?? (section?.job === undefined ? [] : [section.job]);
}

/** The servers beside a stage's job. */
export const serversOf = (spec: { stages: Sections }, stage: string): Partial<Record<ServerName, ServerPlan>> => sectionOf(spec, stage)?.servers ?? {};

/** Everything that a stage starts: what has parameters, an executor and secrets. `path` is where it stands in the spec. */
export function processesOf(spec: { stages: Sections }, stage: string): { path: string; plan: JobPlan | ServerPlan }[] {
  const isLadder = sectionOf(spec, stage)?.attempts !== undefined;
  return [
    ...ladderOf(spec, stage).map((plan, i) => ({ path: isLadder ? `stages.${stage}.attempts[${i}]` : `stages.${stage}.job`, plan })),
    ...Object.entries(serversOf(spec, stage)).map(([name, plan]) => ({ path: `stages.${stage}.servers.${name}`, plan })),
  ];
}
