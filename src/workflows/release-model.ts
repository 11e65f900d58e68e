import { RELEASE_PIPELINE } from '../domain/stage.js';
import { definePipeline } from './pipeline.js';
import { approve, assessQuality, convert, label, preflight, prepareData, publish, rollOut, train, validateOnAscend } from './stages/index.js';

/** Carries a model from data to an approved release. */
export const releaseModel = definePipeline({
  name: RELEASE_PIPELINE.name,
  stages: { preflight, prepareData, label, train, assessQuality, convert, validateOnAscend, approve, publish, rollOut },
  run: async (stages) => {
    await stages.preflight();
    const { dataset } = await stages.prepareData();
    const { labels } = await stages.label({ dataset });
    const { checkpoint } = await stages.train({ dataset, labels });
    const { quality } = await stages.assessQuality({ dataset, checkpoint });
    const { model, audit } = await stages.convert({ checkpoint });
    const { validation } = await stages.validateOnAscend({ dataset, checkpoint, model });
    await stages.approve({ model, quality, audit, validation });
    const { release } = await stages.publish({ model, quality, audit, validation });
    await stages.rollOut({ release });
  },
});
