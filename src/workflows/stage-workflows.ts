import type { RunInput } from '../domain/run-input.js';
import { runPipeline, type RunResult } from './pipeline.js';
import { RELEASE_MODEL_STAGES } from './release-model.js';

/** Each stage of `releaseModel` that runs a job, as a workflow of its own: the same code, state, gates and status, with one stage. */
const alone =
  (name: keyof typeof RELEASE_MODEL_STAGES) =>
  async (input: RunInput): Promise<RunResult> =>
    await runPipeline({ [name]: RELEASE_MODEL_STAGES[name] }, input);

export const prepareDataAlone = alone('prepareData');
export const labelAlone = alone('label');
export const trainAlone = alone('train');
export const assessQualityAlone = alone('assessQuality');
export const convertAlone = alone('convert');
export const validateOnAscendAlone = alone('validateOnAscend');
export const rollOutAlone = alone('rollOut');
