// The same five stages as a pipeline of modelferry's public pieces: state, query, search attributes, details, gates.
import { proxyActivities } from '@temporalio/workflow';
import { stageOf } from '../../dist/domain/run-state.js';
import { runPipeline } from '../../dist/workflows/pipeline.js';

const { noop } = proxyActivities({ startToCloseTimeout: '10 seconds' });

const noopStage = (name) => ({
  consumes: [],
  produces: [],
  run: async (ctx) => {
    if (stageOf(ctx.state, name).state === 'pending') ctx.emit({ type: 'stage_started', stage: name });
    await ctx.wait(`noop:${name}`, () => noop(name));
    ctx.emit({ type: 'stage_done', stage: name, outputs: {}, figures: {} });
  },
});
const DEFINITION = Object.fromEntries(['one', 'two', 'three', 'four', 'five'].map((name) => [name, noopStage(name)]));

export async function pipeline(input) {
  return await runPipeline(DEFINITION, input);
}
