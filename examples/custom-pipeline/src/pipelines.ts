import { approvalStage, artifact, configured, definePipeline, jobStage, releaseStages } from 'modelferry/workflow';

// What flows between the stages. A stage that reads another kind or dtype than it is given does not compile.
const corpus = artifact('dataset');
const model = artifact('model', { dtype: 'fp32', layout: 'json' });

const tune = jobStage({
  title: 'Tune',
  consumes: { corpus },
  produces: { model },
  job: { command: ['node', 'tune.mjs'], params: { steps: 20 } },
});

const approve = approvalStage({ consumes: { model }, deadline: '30 days' });

/** Tunes a model on a corpus and releases it once a person has agreed. */
export const tuneAndRelease = definePipeline({
  name: 'tuneAndRelease',
  inputs: { corpus },
  stages: { tune, approve, publish: configured(releaseStages.publish) },
  run: async (stages, { inputs }) => {
    const { model } = await stages.tune(inputs);
    await stages.approve({ model });
    await stages.publish({ model });
  },
});
