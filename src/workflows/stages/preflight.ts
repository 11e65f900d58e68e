import { stageOf } from '../../domain/run-state.js';
import { ladderOf } from '../../domain/spec.js';
import { JOB_STAGES } from '../../domain/stage.js';
import { readSite, verifyArtifacts } from '../activity-options.js';
import type { StageDefinition } from '../pipeline.js';
import { StageTrouble } from '../stage-trouble.js';
import { skipReason } from './job-stage.js';

/** Looks for everything that would fail later, before anything expensive starts: executors, backends, secrets, inputs. */
export const preflight: StageDefinition = {
  consumes: [],
  produces: [],
  skip: (ctx) => skipReason(ctx, 'preflight'),
  run: async (ctx) => {
    if (stageOf(ctx.state, 'preflight').state === 'pending') ctx.emit({ type: 'stage_started', stage: 'preflight' });
    const site = await readSite();
    ctx.useLimits(site.limits);
    const problems: string[] = [];
    for (const stage of JOB_STAGES) {
      for (const plan of skipReason(ctx, stage) === undefined ? ladderOf(ctx.spec, stage) : []) {
        const executor = Object.hasOwn(site.executors, plan.executor) ? site.executors[plan.executor] : undefined;
        if (executor === undefined) problems.push(`${stage}: the site ${site.name} has no executor ${plan.executor}`);
        else if (!executor.backends.includes(plan.backend)) problems.push(`${stage}: the executor ${plan.executor} does not offer ${plan.backend}`);
        for (const value of Object.values(plan.env))
          if (typeof value !== 'string' && !site.secrets.includes(value.secret)) problems.push(`${stage}: the site ${site.name} has no secret ${value.secret}`);
      }
    }
    const refs = [...Object.values(ctx.state.inputs), ...(ctx.input.code === undefined ? [] : [ctx.input.code]), ...Object.values(ctx.input.resume?.stages ?? {}).flatMap((s) => Object.values(s.outputs))];
    if (refs.length > 0) {
      const { missing } = await ctx.wait('preflight:artifacts', () => verifyArtifacts({ digests: [...new Set(refs.map((ref) => ref.digest))] }));
      problems.push(...missing);
    }
    if (problems.length > 0) throw new StageTrouble({ kind: 'spec_invalid', message: problems.join('; ').slice(0, 400), owner: 'requester', nextAction: 'ask_human' });
    ctx.emit({ type: 'stage_done', stage: 'preflight', outputs: {}, figures: {} });
  },
};
