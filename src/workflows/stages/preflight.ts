import { siteProblems, skipReasonOf } from '../../domain/plan.js';
import { stageOf } from '../../domain/run-state.js';
import { readSite, verifyArtifacts } from '../activity-options.js';
import type { StageDefinition } from '../pipeline.js';
import { StageTrouble } from '../stage-trouble.js';

/** Looks for everything that would fail later, before anything expensive starts: executors, backends, secrets, inputs. */
export const preflight: StageDefinition = {
  consumes: [],
  produces: [],
  skip: (ctx) => skipReasonOf(ctx.spec, 'preflight'),
  run: async (ctx) => {
    if (stageOf(ctx.state, 'preflight').state === 'pending') ctx.emit({ type: 'stage_started', stage: 'preflight' });
    const site = await readSite();
    ctx.useLimits(site.limits);
    const problems = siteProblems(ctx.spec, site).map(({ path, found, expected }) => `${path}: ${found} instead of ${expected}`);
    const refs = [...Object.values(ctx.state.inputs), ...(ctx.input.code === undefined ? [] : [ctx.input.code])];
    if (refs.length > 0) {
      const { missing } = await ctx.wait('preflight:artifacts', () => verifyArtifacts({ digests: [...new Set(refs.map((ref) => ref.digest))] }));
      problems.push(...missing);
    }
    if (problems.length > 0) throw new StageTrouble({ kind: 'spec_invalid', message: problems.join('; ').slice(0, 400), owner: 'requester', nextAction: 'ask_human' });
    ctx.emit({ type: 'stage_done', stage: 'preflight', outputs: {}, figures: {} });
  },
};
