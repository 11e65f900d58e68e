import type { ArtifactRef } from '../../domain/artifact.js';
import { fewFigures } from '../../domain/bounds.js';
import { differences, identityOf } from '../../domain/identity.js';
import { keptOutputNote } from '../../domain/kept-output.js';
import { skipReasonOf } from '../../domain/plan.js';
import { stageOf } from '../../domain/run-state.js';
import { ladderOf, serversOf } from '../../domain/spec.js';
import { STAGE_WIRING, isBefore, type JobStageName, type StageName } from '../../domain/stage.js';
import { confirmTakenOver } from '../activity-options.js';
import { FAILURES, type FailureKind } from '../../domain/failure.js';
import type { JobOutcome, JobRequest } from '../../domain/job.js';
import { oneLine } from '../../domain/text.js';
import { StageTrouble } from '../stage-trouble.js';
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

function outputsOf(stage: JobStageName): JobRequest['outputs'] {
  const { produces, optional = [] }: { produces: Readonly<Record<string, string>>; optional?: readonly string[] } = STAGE_WIRING[stage];
  return Object.fromEntries(Object.entries(produces).map(([name, kind]) => [name, optional.includes(name) ? { kind, optional: true } : { kind }]));
}

/** What a verdict that is no pass means, by the stage whose job gave it. */
const KIND_OF_VERDICT = {
  prepareData: 'bad_data',
  label: 'bad_data',
  train: 'numeric_divergence',
  assessQuality: 'validation_accuracy',
  convert: 'checkpoint_schema_mismatch',
  validateOnAscend: 'validation_accuracy',
  rollOut: 'validation_accuracy',
} as const satisfies Record<JobStageName, FailureKind>;

/**
 * A job that did its work and found its subject wanting has not failed: trying it again would find the same. It goes to
 * a person, with the reasons, and so does `inconclusive`, which never passes. What it wrote stays in the store.
 */
function refuseUnlessPassed(ctx: RunContext, stage: JobStageName, outcome: JobOutcome): void {
  const verdict = outcome.progress?.verdict;
  if (verdict === undefined || verdict.value === 'pass') return;
  for (const [name, ref] of Object.entries(outcome.exit?.outputs ?? {})) ctx.emit({ type: 'noted', stage, text: keptOutputNote(name, ref.digest) });
  const kind = KIND_OF_VERDICT[stage];
  const message = oneLine(`${stage}: ${verdict.value}: ${verdict.reasons.join('; ') || 'no reason given'}`, 400);
  throw new StageTrouble({ kind, message, owner: FAILURES[kind].owner, nextAction: 'ask_human' });
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
      const outputs = outputsOf(stage);
      const ladder = ladderOf(ctx.spec, stage);
      const outcome = await runJob(ctx, { stage, ladder, inputs, outputs, servers: serversOf(ctx.spec, stage) });
      refuseUnlessPassed(ctx, stage, outcome);
      const rung = stageOf(ctx.state, stage).ladder?.index ?? 0;
      const reason = rung === 0 ? undefined : `fell back from ${ladder.slice(0, rung).map((plan) => plan.backend).join(', ')} to ${ladder[rung]?.backend}`;
      const { step, metrics, verdict } = outcome.progress ?? {};
      // The program's own numbers first: none of them may pass for the verdict.
      const figures = fewFigures({ ...(verdict === undefined ? {} : { verdict: '' }), ...metrics, ...(step === undefined ? {} : { step }), ...(verdict === undefined ? {} : { verdict: verdict.value }) });
      ctx.emit({ type: 'stage_done', stage, outputs: outcome.exit?.outputs ?? {}, figures, identity: identityOf(ctx.spec, ctx.state.overrides, stage, inputs, ctx.input.code), reason });
    },
  };
}
