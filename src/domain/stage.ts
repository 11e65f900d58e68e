import * as z from 'zod';

/** The stages of `releaseModel`, in their order. */
export const STAGE_NAMES = ['preflight', 'prepareData', 'label', 'train', 'assessQuality', 'convert', 'validateOnAscend', 'approve', 'publish', 'rollOut'] as const;
export const StageName = z.enum(STAGE_NAMES);
export type StageName = z.infer<typeof StageName>;

/** A stage that runs a job: these are the ones whose body an engineer gives as a command. */
export const JOB_STAGES = ['prepareData', 'label', 'train', 'assessQuality', 'convert', 'validateOnAscend', 'rollOut'] as const satisfies readonly StageName[];
export type JobStageName = (typeof JOB_STAGES)[number];

/** The servers that a stage may have beside its job: what is compared, and with what. */
export const SERVER_NAMES = ['reference', 'candidate'] as const;
export type ServerName = (typeof SERVER_NAMES)[number];

interface StageWiring {
  readonly title: string;
  /** The artifacts that it reads, when an earlier stage or the spec's `inputs` made them. */
  readonly consumes: readonly string[];
  /** The artifacts that it makes, by name, with the kind of each. The first is the one that a run's `inputs` replace. */
  readonly produces: Readonly<Record<string, string>>;
  /** Those of `produces` that a job may leave out. */
  readonly optional?: readonly string[];
}

/** What flows between the stages. A job gets what its stage consumes as `FERRY_INPUT_<NAME>` and leaves what it produces. */
export const STAGE_WIRING = {
  preflight: { title: 'Preflight', consumes: [], produces: {} },
  prepareData: { title: 'Prepare data', consumes: [], produces: { dataset: 'dataset' } },
  label: { title: 'Label', consumes: ['dataset'], produces: { labels: 'labels' } },
  train: { title: 'Train', consumes: ['dataset', 'labels'], produces: { checkpoint: 'checkpoint' } },
  assessQuality: { title: 'Assess quality', consumes: ['dataset', 'checkpoint'], produces: { quality: 'evaluation' } },
  convert: { title: 'Convert', consumes: ['checkpoint'], produces: { model: 'model', audit: 'audit' }, optional: ['audit'] },
  validateOnAscend: { title: 'Validate on Ascend', consumes: ['dataset', 'checkpoint', 'model'], produces: { validation: 'validation' } },
  approve: { title: 'Approve', consumes: ['model', 'quality', 'audit', 'validation'], produces: {} },
  publish: { title: 'Publish', consumes: ['model', 'quality', 'audit', 'validation'], produces: { release: 'release' } },
  rollOut: { title: 'Roll out', consumes: ['release'], produces: { rollout: 'rollout' } },
} as const satisfies Record<StageName, StageWiring>;

/** The name of every artifact that a run can be begun with, and the stage that would have made it. */
export const PRODUCERS: ReadonlyMap<string, StageName> = new Map(
  STAGE_NAMES.flatMap((stage) => Object.keys(STAGE_WIRING[stage].produces).map((name) => [name, stage] as const)),
);

/** True when the stage stands before the other in the pipeline. */
export const isBefore = (a: StageName, b: StageName): boolean => STAGE_NAMES.indexOf(a) < STAGE_NAMES.indexOf(b);
