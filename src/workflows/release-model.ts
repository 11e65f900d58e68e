import type { RunInput } from '../domain/run-input.js';
import type { StageName } from '../domain/stage.js';
import { runPipeline, type RunResult, type StageDefinition } from './pipeline.js';
import { approve } from './stages/approve.js';
import { assessQuality } from './stages/assess-quality.js';
import { convert } from './stages/convert.js';
import { label } from './stages/label.js';
import { preflight } from './stages/preflight.js';
import { prepareData } from './stages/prepare-data.js';
import { publish } from './stages/publish.js';
import { rollOut } from './stages/roll-out.js';
import { train } from './stages/train.js';
import { validateOnAscend } from './stages/validate-on-ascend.js';

/** The stages of the built-in pipeline, in their order. The order of this object is the order of the run. */
export const RELEASE_MODEL_STAGES = {
  preflight,
  prepareData,
  label,
  train,
  assessQuality,
  convert,
  validateOnAscend,
  approve,
  publish,
  rollOut,
} as const satisfies Record<StageName, StageDefinition>;

/** Carries a model from data to an approved release. */
export async function releaseModel(input: RunInput): Promise<RunResult> {
  return await runPipeline(RELEASE_MODEL_STAGES, input);
}
