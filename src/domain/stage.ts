import type { PipelineDescription, StageDescription } from './pipeline.js';

/** The servers that a stage may have beside its job: what is compared, and with what. */
export const SERVER_NAMES = ['reference', 'candidate'] as const;
export type ServerName = (typeof SERVER_NAMES)[number];

const dataset = { kind: 'dataset' } as const;
const labels = { kind: 'labels' } as const;
const checkpoint = { kind: 'checkpoint' } as const;
const quality = { kind: 'evaluation' } as const;
const model = { kind: 'model' } as const;
const audit = { kind: 'audit' } as const;
const validation = { kind: 'validation' } as const;
const release = { kind: 'release' } as const;

/** Read when an earlier stage or the spec's `inputs` made it. */
const ifAny = <T extends object>(type: T): T & { readonly optional: true } => ({ ...type, optional: true });

/** The model first, since that is what is approved; then what people judge it by. */
const approved = { model, quality: ifAny(quality), audit: ifAny(audit), validation: ifAny(validation) } as const;

/** The stages of `releaseModel` in their order, and what flows between them. A job gets what its stage consumes as `FERRY_INPUT_<NAME>`. */
export const RELEASE_STAGES = {
  preflight: { title: 'Preflight', section: 'none', consumes: {}, produces: {} },
  prepareData: { title: 'Prepare data', section: 'job', consumes: {}, produces: { dataset } },
  label: { title: 'Label', section: 'job', consumes: { dataset: ifAny(dataset) }, produces: { labels } },
  train: { title: 'Train', section: 'attempts', consumes: { dataset: ifAny(dataset), labels: ifAny(labels) }, produces: { checkpoint } },
  assessQuality: { title: 'Assess quality', section: 'job', consumes: { dataset: ifAny(dataset), checkpoint: ifAny(checkpoint) }, produces: { quality } },
  convert: { title: 'Convert', section: 'job', consumes: { checkpoint }, produces: { model, audit: ifAny(audit) } },
  validateOnAscend: { title: 'Validate on Ascend', section: 'served', consumes: { dataset: ifAny(dataset), checkpoint: ifAny(checkpoint), model }, produces: { validation } },
  approve: { title: 'Approve', section: 'approval', consumes: approved, produces: {} },
  publish: { title: 'Publish', section: 'none', consumes: approved, produces: { release } },
  rollOut: { title: 'Roll out', section: 'job', consumes: { release }, produces: { rollout: { kind: 'rollout' } } },
} as const satisfies Record<string, StageDescription>;

export type StageName = keyof typeof RELEASE_STAGES;
export const STAGE_NAMES = Object.keys(RELEASE_STAGES) as StageName[];

/** The built-in pipeline as data. */
export const RELEASE_PIPELINE: PipelineDescription = { schema: 'modelferry.pipeline/1', name: 'releaseModel', inputs: {}, stages: RELEASE_STAGES };

const alone = (stage: StageName): PipelineDescription => {
  const { [stage]: only } = RELEASE_STAGES;
  return { schema: 'modelferry.pipeline/1', name: `${stage}Alone`, inputs: only.consumes, stages: { [stage]: only } };
};

/** Every pipeline that each worker has, by name: the built-in one, and each of its stages with a job as a pipeline of its own. */
export const BUILT_IN_PIPELINES: Readonly<Record<string, PipelineDescription>> = Object.fromEntries(
  [RELEASE_PIPELINE, ...(['prepareData', 'label', 'train', 'assessQuality', 'convert', 'validateOnAscend', 'rollOut'] as const).map(alone)].map((pipeline) => [pipeline.name, pipeline]),
);
