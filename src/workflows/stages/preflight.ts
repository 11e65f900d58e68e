import { inputProblems, siteProblems } from '../../domain/plan.js';
import { RELEASE_STAGES } from '../../domain/stage.js';
import { readSite, verifyArtifacts } from '../activity-options.js';
import type { StageDefinition } from '../stage.js';
import { StageTrouble } from '../stage-trouble.js';

/** Looks for everything that would fail later, before anything expensive starts: executors, backends, secrets, inputs. */
export const preflight: StageDefinition<Record<never, never>, Record<never, never>> = {
  description: RELEASE_STAGES.preflight,
  run: async ({ ctx }) => {
    const site = await readSite();
    ctx.useLimits(site.limits);
    const problems = siteProblems(ctx.pipeline, ctx.spec, site).map(({ path, found, expected }) => `${path}: ${found} instead of ${expected}`);
    const { inputs } = ctx.state;
    const refs = [...Object.values(inputs), ...(ctx.input.code === undefined ? [] : [ctx.input.code])];
    if (refs.length > 0) {
      const as = Object.fromEntries(refs.map((ref) => [ref.digest, ref.kind]));
      const { found, missing } = await ctx.wait('preflight:artifacts', () => verifyArtifacts({ digests: [...new Set(refs.map((ref) => ref.digest))], as }));
      const there = Object.fromEntries(Object.entries(inputs).flatMap(([name, { digest }]) => found.filter((ref) => ref.digest === digest).map((ref) => [name, ref])));
      problems.push(...missing, ...inputProblems(ctx.pipeline, ctx.spec, there).map(({ path, found: is }) => `${path}: ${is}`));
    }
    if (problems.length > 0) throw new StageTrouble({ kind: 'spec_invalid', message: problems.join('; ').slice(0, 400), owner: 'requester', nextAction: 'ask_human' });
    return {};
  },
};
