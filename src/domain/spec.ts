import * as z from 'zod';
import { Digest } from './canonical.js';
import { Duration } from './duration.js';
import { Backend, EnvValue, Params } from './job.js';
import { PRODUCERS, SERVER_NAMES, STAGE_NAMES, STAGE_WIRING, isBefore, type JobStageName, type ServerName, type StageName } from './stage.js';

const Name = (what: string): z.ZodString => z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, `${what}: letters, digits, dot, dash and underscore, a letter or digit first`);

/** What people call themselves: a site file's approvers use the same form, so that a look-alike is refused as unknown. */
export const PersonName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}$/, 'a name of ASCII letters, digits and . _ @ + -');

/** Where a job's own code comes from: a folder beside the spec (packed at start), or one that is packed already. */
export const CodeSource = z.union([z.strictObject({ path: z.string().min(1).max(1024) }), z.strictObject({ artifact: Digest })]);

/** An input that a run begins with instead of making it: packed at start from a path, or taken from the store. */
export const InputSource = z.union([z.strictObject({ artifact: Digest }), z.strictObject({ path: z.string().min(1).max(1024) })]);

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

/** A server beside a stage's job: started before it, ended after it, anew with each of its attempts. */
export const ServerPlan = z.strictObject({
  ...processShape,
  readyWithin: Duration.prefault('30 minutes').describe('How long it may take from its start to its ready line; a large model loads for a while.'),
});
export type ServerPlan = z.infer<typeof ServerPlan>;

const JobStage = z.strictObject({ job: JobPlan });
const ServedStage = z.strictObject({
  job: JobPlan,
  servers: z.partialRecord(z.enum(SERVER_NAMES), ServerPlan).default({}).describe('Reached by the job at FERRY_URL_REFERENCE and FERRY_URL_CANDIDATE.'),
});
const TrainStage = z.strictObject({ attempts: z.array(JobPlan).min(1).max(10).describe('Tried in this order: the next takes over when one has spent its budget without progress.') });

export const QuorumRule = z.strictObject({ role: Name('a role'), quorum: z.number().int().min(1).max(50).default(1) });

/** What happens when nobody decides in time. Approval is not a legal value, so that silence is never consent. */
const OnExpiry = z.enum(['reject']);

/** Roles that must approve. A run carries who approved, so their number has a bound, far above what any release needs. */
export const QuorumRules = z
  .array(QuorumRule)
  .max(10)
  .refine((rules) => rules.reduce((sum, rule) => sum + rule.quorum, 0) <= 20, 'at most 20 approvals in all')
  .refine((rules) => new Set(rules.map((rule) => rule.role)).size === rules.length, 'each role once');

export const ApproveStage = z.strictObject({
  roles: QuorumRules.default([]).describe('Added to the site\'s floor; they can only tighten it.'),
  deadline: Duration.prefault('7 days'),
  onExpiry: OnExpiry.default('reject'),
});

const stageShapes = {
  preflight: z.strictObject({}),
  prepareData: JobStage,
  label: JobStage,
  train: TrainStage,
  assessQuality: JobStage,
  convert: JobStage,
  validateOnAscend: ServedStage,
  approve: ApproveStage,
  publish: z.strictObject({}),
  rollOut: JobStage,
} satisfies Record<StageName, z.ZodType>;

/** A run spec: what an engineer writes. It holds no host and no secret. */
export const RunSpec = z
  .strictObject({
    schema: z.literal('modelferry.run/1'),
    pipeline: z.literal('releaseModel').default('releaseModel'),
    model: Name('a model name'),
    version: Name('a version'),
    author: PersonName.optional().describe('Who asks for the release; may not approve it. Default: whoever starts the run.'),
    targetDate: z.iso.date().optional(),
    code: CodeSource.optional().describe('What the jobs run; relative to the spec file.'),
    params: Params.default({}).describe('Given to every job; a job\'s own params win.'),
    inputs: z.partialRecord(z.enum([...PRODUCERS.keys()]), InputSource).default({}),
    repair: z.strictObject({ deadline: Duration.prefault('30 days') }).prefault({}),
    stages: z.strictObject(stageShapes).partial(),
  })
  .superRefine((spec, context) => {
    const has = (stage: StageName): boolean => spec.stages[stage] !== undefined;
    if (!STAGE_NAMES.some(has)) context.addIssue({ code: 'custom', path: ['stages'], message: 'at least one stage' });
    if (has('publish') && !has('approve'))
      context.addIssue({ code: 'custom', path: ['stages', 'publish'], message: 'a stage approve before it: nothing is published that nobody approved' });
    // A stage that the run begins after makes nothing, whatever the spec says of it.
    const begin = beginsAfter(spec);
    const isTaken = (stage: StageName): boolean => has(stage) && (begin === undefined || isBefore(begin.stage, stage));
    for (const stage of STAGE_NAMES) {
      if (!isTaken(stage)) continue;
      const needed = REQUIRED_INPUTS[stage] ?? [];
      for (const name of needed) {
        const producer = PRODUCERS.get(name);
        if (producer === undefined || isTaken(producer) || spec.inputs[name] !== undefined) continue;
        if (name === 'release') {
          context.addIssue({ code: 'custom', path: ['stages', stage], message: `its input ${name}: add the stages approve and ${producer}` });
          continue;
        }
        context.addIssue({ code: 'custom', path: ['stages', stage], message: `its input ${name}: add the stage ${producer}, or give ${name} under inputs` });
      }
    }
    for (const name of Object.keys(spec.inputs)) {
      if (name === 'release') {
        context.addIssue({ code: 'custom', path: ['inputs', name], message: 'no release: publish makes one in the run itself, and nothing verifies one from outside yet' });
        continue;
      }
      const producer = PRODUCERS.get(name);
      if (producer === undefined) continue;
      const uses = STAGE_NAMES.some((stage) => has(stage) && isBefore(producer, stage) && (STAGE_WIRING[stage].consumes as readonly string[]).includes(name));
      if (!uses) context.addIssue({ code: 'custom', path: ['inputs', name], message: `a stage after ${producer} that reads ${name}` });
    }
  });
export type RunSpec = z.infer<typeof RunSpec>;
/** A spec as it is written and sent: durations are still texts, defaults not yet filled in. */
export type RunSpecInput = z.input<typeof RunSpec>;

/** What a stage cannot do without; other inputs are given when they exist. */
const REQUIRED_INPUTS: Partial<Record<StageName, readonly string[]>> = {
  convert: ['checkpoint'],
  validateOnAscend: ['model'],
  approve: ['model'],
  publish: ['model'],
  rollOut: ['release'],
};

/** The jobs of a stage in the order in which they are tried: one for most, the ladder of attempts for `train`. */
export function ladderOf(spec: RunSpec, stage: JobStageName): JobPlan[] {
  if (stage === 'train') return spec.stages.train?.attempts ?? [];
  const job = spec.stages[stage]?.job;
  return job === undefined ? [] : [job];
}

/** The servers beside a stage's job. */
export const serversOf = (spec: RunSpec, stage: JobStageName): Partial<Record<ServerName, ServerPlan>> => (stage === 'validateOnAscend' ? (spec.stages.validateOnAscend?.servers ?? {}) : {});

/** Everything that a stage starts: what has parameters, an executor and secrets. `path` is where it stands in the spec. */
export function processesOf(spec: RunSpec, stage: JobStageName): { path: string; plan: JobPlan | ServerPlan }[] {
  return [
    ...ladderOf(spec, stage).map((plan, i) => ({ path: stage === 'train' ? `stages.train.attempts[${i}]` : `stages.${stage}.job`, plan })),
    ...Object.entries(serversOf(spec, stage)).map(([name, plan]) => ({ path: `stages.${stage}.servers.${name}`, plan })),
  ];
}

/**
 * The input after whose producer a run begins: the stages up to that producer are skipped, whatever else the spec says
 * of them. Undefined when nothing is given from outside.
 */
export function beginsAfter(spec: Pick<RunSpec, 'inputs'>): { stage: StageName; input: string } | undefined {
  let last: { stage: StageName; input: string } | undefined;
  for (const input of Object.keys(spec.inputs)) {
    const stage = PRODUCERS.get(input);
    if (stage !== undefined && (last === undefined || isBefore(last.stage, stage))) last = { stage, input };
  }
  return last;
}
