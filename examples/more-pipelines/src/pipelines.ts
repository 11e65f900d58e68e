import { approvalStage, artifact, configured, definePipeline, jobStage, releaseStages } from 'modelferry/workflow';
import * as z from 'zod';

const model = artifact('model', { dtype: 'fp32', layout: 'json' });
const evaluation = artifact('evaluation');

// The job finds its item as `item` among its parameters.
const evaluate = jobStage({ title: 'Evaluate', consumes: { model }, produces: { score: evaluation }, job: { command: ['node', 'evaluate.mjs'] } });
const summarise = jobStage({ title: 'Summarise', consumes: { scores: { ...evaluation, many: true } }, produces: { summary: evaluation }, job: { command: ['node', 'summarise.mjs'] } });
const approve = approvalStage({ consumes: { model, summary: evaluation } });

/** Evaluates a model on every suite that the spec names, two at a time, and asks a person about the summary. */
export const evaluateAll = definePipeline({
  name: 'evaluateAll',
  inputs: { model },
  params: z.object({ suites: z.array(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,39}$/)).min(1) }),
  stages: { evaluate, summarise, approve },
  run: async (stages, { inputs, params }) => {
    const results = await stages.evaluate.each(params.suites, inputs, { limit: 2 });
    const { summary } = await stages.summarise({ scores: results.map(({ score }) => score) });
    await stages.approve({ model: inputs.model, summary });
  },
});

const { preflight, prepareData, train, convert, approve: approveRelease, publish } = releaseStages;

/** Stages of `releaseModel`, called one by one, with a stage of one's own among them. What they run is said by the spec. */
export const shortRelease = definePipeline({
  name: 'shortRelease',
  stages: { preflight: configured(preflight), prepareData, train, convert, evaluateOnce: jobStage({ consumes: { model: artifact('model') }, produces: { quality: evaluation } }), approve: configured(approveRelease), publish: configured(publish) },
  run: async (stages) => {
    await stages.preflight();
    const { dataset } = await stages.prepareData();
    const { checkpoint } = await stages.train({ dataset });
    const { model, audit } = await stages.convert({ checkpoint });
    const { quality } = await stages.evaluateOnce({ model });
    await stages.approve({ model, quality, audit });
    await stages.publish({ model, quality, audit });
  },
});
