import { annotationsOf, type ArtifactRef } from '../../domain/artifact.js';
import { fewFigures } from '../../domain/bounds.js';
import { FAILURES, type FailureKind } from '../../domain/failure.js';
import { differences, identityOf } from '../../domain/identity.js';
import type { JobOutcome, JobRequest } from '../../domain/job.js';
import { keptOutputNote } from '../../domain/kept-output.js';
import { isBefore, type Consumed, type Produced, type SectionKind, type StageDescription } from '../../domain/pipeline.js';
import { stageOf, type StageIdentity } from '../../domain/run-state.js';
import { ladderOf, serversOf, type JobPlanInput, type SectionInput } from '../../domain/sections.js';
import { oneLine } from '../../domain/text.js';
import { madeAs } from '../../domain/wiring.js';
import { confirmTakenOver } from '../activity-options.js';
import { runJob } from '../run-job.js';
import type { StageCall, StageDefinition, StageResult } from '../stage.js';
import { StageTrouble } from '../stage-trouble.js';

type ConsumedByName = Readonly<Record<string, Consumed>>;
type ProducedByName = Readonly<Record<string, Produced>>;

/** A job stage as code declares it; a spec may change the job in part. */
export interface JobStageOptions<C extends ConsumedByName, P extends ProducedByName> {
  /** For people. Default `Job`. */
  title?: string;
  /** What its job reads, by name; it finds each in the directory `FERRY_INPUT_<NAME>`. */
  consumes?: C;
  /** What its job makes, by name, below `FERRY_OUTPUT_DIR`. A job that ends with 0 and leaves none has failed. */
  produces?: P;
  /** One job, tried again within its budget. A spec may change any part of it; without it the spec must give one. */
  job?: JobPlanInput;
  /** Instead of `job`: several, tried in this order; the next takes over when one has spent its budget without progress. */
  attempts?: JobPlanInput[];
  /** Beside `job`: servers that run as long as it does. */
  servers?: SectionInput['servers'];
  /** What it means when the job's verdict is no pass. Default `validation_accuracy`. */
  verdictKind?: FailureKind;
}

/**
 * A stage whose body is a job: an external process on an executor, started once for each attempt whatever dies when,
 * retried and repaired by the rules of this package.
 */
export function jobStage<const C extends ConsumedByName = Record<never, never>, const P extends ProducedByName = Record<never, never>>(options: JobStageOptions<C, P>): StageDefinition<C, P> {
  const { title = 'Job', consumes, produces, job, attempts, servers, verdictKind } = options;
  const section: SectionKind = attempts !== undefined ? 'attempts' : servers !== undefined ? 'served' : 'job';
  const defaults = attempts !== undefined ? { attempts } : job !== undefined ? { job, ...(servers === undefined ? {} : { servers }) } : undefined;
  return describedJob({ title, section, consumes: consumes ?? ({} as C), produces: produces ?? ({} as P), ...(defaults === undefined ? {} : { defaults }) }, verdictKind);
}

/** As `jobStage`, of a stage that is described already. */
export function describedJob<const C extends ConsumedByName, const P extends ProducedByName>(description: StageDescription<C, P>, verdictKind: FailureKind = 'validation_accuracy'): StageDefinition<C, P> {
  return { description, identity: identityOfCall, reuse, run: (call) => runStageJob(call, verdictKind) };
}

const identityOfCall = ({ ctx, section, inputs, params }: StageCall): StageIdentity => identityOf(ctx.spec, ctx.state.overrides, section, inputs, ctx.input.code, params);

/** Takes over what an earlier run made when nothing that it depends on differs; otherwise notes what differs. */
async function reuse(call: StageCall): Promise<boolean> {
  const { ctx, name, section } = call;
  const earlier = ctx.input.resume;
  // In a later round a person has asked for the stage to be done again.
  if (earlier === undefined || ctx.state.round > 1 || (earlier.from !== undefined && !isBefore(ctx.pipeline, section, earlier.from))) return false;
  const identity = identityOfCall(call);
  const made = earlier.stages[name];
  const not = (why: string): false => {
    ctx.emit({ type: 'noted', stage: name, text: `not reused: ${why}` });
    return false;
  };
  if (made === undefined) return not(`${earlier.run} had not finished it`);
  const different = differences(identity, made.identity);
  if (different.length > 0) return not(`${different.join(', ')} differ${different.length === 1 ? 's' : ''} from ${earlier.run}`);
  const { outputs, figures } = made;
  const { problems, confirmed } = await ctx.wait(`reuse:${name}`, () => confirmTakenOver({ run: earlier.run, runUid: earlier.runUid, stage: name, outputs, figures, identity: made.identity }));
  if (problems.length > 0) return not(problems.join('; '));
  const record = confirmed ? '' : ` (by the account of whoever started this run: the record of ${earlier.run} is gone)`;
  ctx.emit({ type: 'stage_reused', stage: name, outputs, figures, identity, reason: `reused from ${earlier.run}: same command, parameters, inputs and code${record}` });
  return true;
}

async function runStageJob(call: StageCall, verdictKind: FailureKind): Promise<StageResult> {
  const { ctx, name, section, inputs, params } = call;
  const ladder = ladderOf(ctx.spec, section);
  const outcome = await runJob(ctx, { stage: name, section, params, ladder, inputs, outputs: outputsOf(call), servers: serversOf(ctx.spec, section) });
  refuseUnlessPassed(call, verdictKind, outcome);
  const rung = stageOf(ctx.state, name).ladder?.index ?? 0;
  const reason = rung === 0 ? undefined : `fell back from ${ladder.slice(0, rung).map((plan) => plan.backend).join(', ')} to ${ladder[rung]?.backend}`;
  const { step, metrics, verdict } = outcome.progress ?? {};
  // The program's own numbers first: none of them may pass for the verdict.
  const figures = fewFigures({ ...(verdict === undefined ? {} : { verdict: '' }), ...metrics, ...(step === undefined ? {} : { step }), ...(verdict === undefined ? {} : { verdict: verdict.value }) });
  return { outputs: outcome.exit?.outputs ?? {}, figures, identity: identityOfCall(call), reason };
}

function outputsOf({ ctx, section, description }: StageCall): JobRequest['outputs'] {
  return Object.fromEntries(
    Object.entries(description.produces).map(([name, { kind, optional }]) => {
      const annotations = annotationsOf(madeAs(ctx.pipeline, ctx.spec, section, name) ?? { kind });
      return [name, { kind, ...(optional === true ? { optional } : {}), ...(Object.keys(annotations).length === 0 ? {} : { annotations }) }];
    }),
  );
}

/**
 * A job that did its work and found its subject wanting has not failed: trying it again would find the same. It goes to
 * a person, with the reasons, and so does `inconclusive`, which never passes. What it wrote stays in the store.
 */
function refuseUnlessPassed({ ctx, name }: StageCall, kind: FailureKind, outcome: JobOutcome): void {
  const verdict = outcome.progress?.verdict;
  if (verdict === undefined || verdict.value === 'pass') return;
  const outputs: Record<string, ArtifactRef> = outcome.exit?.outputs ?? {};
  for (const [output, ref] of Object.entries(outputs)) ctx.emit({ type: 'noted', stage: name, text: keptOutputNote(output, ref.digest) });
  const message = oneLine(`${name}: ${verdict.value}: ${verdict.reasons.join('; ') || 'no reason given'}`, 400);
  throw new StageTrouble({ kind, message, owner: FAILURES[kind].owner, nextAction: 'ask_human' });
}
