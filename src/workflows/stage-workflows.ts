import { definePipeline } from './pipeline.js';
import { assessQuality, convert, label, prepareData, rollOut, train, validateOnAscend } from './stages/index.js';

// Each stage of `releaseModel` that runs a job, as a pipeline of its own: the same code, state, gates and status, with
// one stage, which begins with what the spec gives under `inputs`.
export const prepareDataAlone = definePipeline({ name: 'prepareDataAlone', stages: { prepareData }, run: async (stages) => void (await stages.prepareData()) });
export const labelAlone = definePipeline({ name: 'labelAlone', stages: { label }, inputs: label.description.consumes, run: async (stages, { inputs }) => void (await stages.label(inputs)) });
export const trainAlone = definePipeline({ name: 'trainAlone', stages: { train }, inputs: train.description.consumes, run: async (stages, { inputs }) => void (await stages.train(inputs)) });
export const assessQualityAlone = definePipeline({ name: 'assessQualityAlone', stages: { assessQuality }, inputs: assessQuality.description.consumes, run: async (stages, { inputs }) => void (await stages.assessQuality(inputs)) });
export const convertAlone = definePipeline({ name: 'convertAlone', stages: { convert }, inputs: convert.description.consumes, run: async (stages, { inputs }) => void (await stages.convert(inputs)) });
export const validateOnAscendAlone = definePipeline({ name: 'validateOnAscendAlone', stages: { validateOnAscend }, inputs: validateOnAscend.description.consumes, run: async (stages, { inputs }) => void (await stages.validateOnAscend(inputs)) });
export const rollOutAlone = definePipeline({ name: 'rollOutAlone', stages: { rollOut }, inputs: rollOut.description.consumes, run: async (stages, { inputs }) => void (await stages.rollOut(inputs)) });
