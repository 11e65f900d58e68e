import type { ArtifactRef } from '../../domain/artifact.js';
import { differences, identityOf } from '../../domain/identity.js';
import { skipReasonOf } from '../../domain/plan.js';
import { stageOf } from '../../domain/run-state.js';
import { ladderOf } from '../../domain/spec.js';
import { STAGE_WIRING, isBefore, type JobStageName, type StageName } from '../../domain/stage.js';
import { confirmTakenOver } from '../activity-options.js';
import type { StageDefinition } from '../pipeline.js';
import type { RunContext } from '../run-context.js';
import { runJob } from '../run-job.js';

const inputsOf = (ctx: RunContext, stage: JobStageName): Record<string, ArtifactRef> => ctx.inputsFor(STAGE_WIRING[stage].consumes);

/** Takes over what an earlier run made when nothing that it depends on differs; otherwise notes what differs. */
async function reuse(ctx: RunContext, stage: JobStageName): Promise<boolean> {
  const earlier = ctx.input.resume;
  // In a later round a person has asked for the stage to be done again.
  if (earlier === undefined || ctx.state.round > 1 || !isBefore(stage, earlier.from as StageName)) return false;
  const identity = identityOf(ctx.spec, ctx.state.overrides, stage, inputsOf(ctx, stage), ctx.input.code);
  const made = earlier.stages[stage];
  const not = (why: string): false => {
    ctx.emit({ type: 'noted', stage, text: `not reused: ${why}` });
    return false;
  };
  if (made === undefined) return not(`${earlier.run} had not finished it`);
  const different = differences(identity, made.identity);
  if (different.length > 0) return not(`${different.join(', ')} differ${different.length === 1 ? 's' : ''} from ${earlier.run}`);
  const { outputs, figures } = made;
  const { problems, confirmed } = await ctx.wait(`reuse:${stage}`, () => confirmTakenOver({ run: earlier.run, runUid: earlier.runUid, stage, outputs, identity: made.identity }));
  if (problems.length > 0) return not(problems.join('; '));
  const record = confirmed ? '' : ` (by the account of whoever started this run: the record of ${earlier.run} is gone)`;
  ctx.emit({ type: 'stage_reused', stage, outputs, figures, identity, reason: `reused from ${earlier.run}: same command, parameters, inputs and code${record}` });
  return true;
}

/** A stage whose body is a job that the spec describes. */
export function jobStage(stage: JobStageName): StageDefinition {
  const wiring = STAGE_WIRING[stage];
  return {
    consumes: wiring.consumes,
    produces: Object.keys(wiring.produces),
    // A release is what people approved: put in by hand it would be rolled out without them.
    replaceable: wiring.consumes.filter((name) => name !== 'release'),
    skip: (ctx) => skipReasonOf(ctx.spec, stage),
    reuse: (ctx) => reuse(ctx, stage),
    run: async (ctx) => {
      const inputs = inputsOf(ctx, stage);
      if (stageOf(ctx.state, stage).state === 'pending') ctx.emit({ type: 'stage_started', stage, identity: identityOf(ctx.spec, ctx.state.overrides, stage, inputs, ctx.input.code) });
      const outputs = Object.fromEntries(Object.entries(wiring.produces).map(([name, kind]) => [name, { kind }]));
      const ladder = ladderOf(ctx.spec, stage);
      const outcome = await runJob(ctx, { stage, ladder, inputs, outputs });
      const rung = stageOf(ctx.state, stage).ladder?.index ?? 0;
      const reason = rung === 0 ? undefined : `fell back from ${ladder.slice(0, rung).map((plan) => plan.backend).join(', ')} to ${ladder[rung]?.backend}`;
      const { step, metrics } = outcome.progress ?? {};
      const figures = { ...(step === undefined ? {} : { step }), ...metrics };
      ctx.emit({ type: 'stage_done', stage, outputs: outcome.exit?.outputs ?? {}, figures, identity: identityOf(ctx.spec, ctx.state.overrides, stage, inputs, ctx.input.code), reason });
    },
  };
}
