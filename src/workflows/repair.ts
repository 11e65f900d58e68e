import { isCancellation } from '@temporalio/workflow';
import { misfits, typeOf } from '../domain/artifact.js';
import type { FailureView } from '../domain/failure.js';
import type { GateOutcome, GateRole } from '../domain/gate.js';
import { repairGateId } from '../domain/ids.js';
import { declaredParameters, resolveParameter } from '../domain/overrides.js';
import { artifactTypeOf } from '../domain/pipeline.js';
import { sectionName, stageOf } from '../domain/run-state.js';
import { failure as fail } from '../temporal-failure.js';
import { readSite, verifyArtifacts } from './activity-options.js';
import { endJobsOf } from './end-jobs.js';
import { askGate } from './gate.js';
import type { PipelineShape } from './pipeline.js';
import type { RunContext } from './run-context.js';
import { endServers } from './servers.js';
import { troubleOf } from './stage-trouble.js';

/** Anyone who can reach the server may repair a run unless the site names its operators: repairing is not approving. */
const OPERATOR = 'operator';

/** For a gate that is taken up by an execution whose state no longer has the failure. */
const UNKNOWN: FailureView = { kind: 'unknown', message: 'the failure is no longer on record', owner: 'requester', nextAction: 'ask_human' };

/**
 * The gate that opens when a stage has no automatic choice left. Afterwards the stage is ready to be taken up again,
 * the run has been sent back, or this throws because a person (or the deadline) stopped the run.
 */
export async function repair(ctx: RunContext, shape: PipelineShape, stage: string, failure: FailureView = UNKNOWN): Promise<void> {
  const id = repairGateId(stage);
  const outcome = await askGate(
    ctx,
    id,
    stage,
    async () => {
      const site = await readSite();
      const role: GateRole = { role: OPERATOR, quorum: 1, ...(site.operators === undefined ? {} : { members: site.operators }) };
      const stages = shape.backTo(ctx, stage);
      const declared = declaredParameters(ctx.spec);
      return {
        id,
        kind: 'repair' as const,
        stage,
        question: `The stage ${stage} has no automatic choice left. How should it go on?`,
        choices: [
          { id: 'retry', label: 'try again as it is' },
          ...(declared.length > 0 ? [{ id: 'change', label: 'try again with changed parameters', needs: 'set' as const }] : []),
          ...(shape.inputsOf(stage).length > 0 ? [{ id: 'replace_input', label: 'try again with another input', needs: 'input' as const }] : []),
          ...(stages.length > 0 ? [{ id: 'send_back', label: 'redo from an earlier stage', needs: 'to' as const }] : []),
          { id: 'stop', label: 'stop the run' },
        ],
        roles: [role],
        excluded: [],
        identity: 'asserted' as const,
        deadlineMs: ctx.spec.repair.deadline,
        onExpiry: 'stop' as const,
        digests: {},
        evidence: [`${failure.kind}: ${failure.message}`, `owner: ${failure.owner}`, `attempts in this round: ${stageOf(ctx.state, stage).attempts}`, ...(declared.length > 0 ? [`parameters that can be changed: ${declared.join(', ')}`] : [])],
        stages,
      };
    },
    failure,
    // A person may take days: nothing may hold accelerators for that long. Not before the gate is open, since the reason
    // for it must be in the state when this is taken up elsewhere.
    () => endServers(ctx, stage),
  );
  await apply(ctx, shape, stage, outcome, failure);
}

/** Whether the store has an artifact; a store that does not answer is said to be missing it, and the gate asks again. */
async function look(digest: string, kind: string | undefined): Promise<Awaited<ReturnType<typeof verifyArtifacts>>> {
  try {
    return await verifyArtifacts({ digests: [digest], ...(kind === undefined ? {} : { as: { [digest]: kind } }) });
  } catch (error) {
    const trouble = isCancellation(error) ? undefined : troubleOf(error);
    if (trouble === undefined) throw error;
    return { found: [], missing: [trouble.message] };
  }
}

async function apply(ctx: RunContext, shape: PipelineShape, stage: string, outcome: GateOutcome, failure: FailureView): Promise<void> {
  const by = outcome.by.join(', ') || 'the deadline';
  // A plain retry takes a job that is still alive up again; for anything else it must be gone first, since what it was
  // submitted with does not change any more.
  if (outcome.verdict !== 'retry' || outcome.set !== undefined) await endJobsOf(ctx, stage, 'replaced');
  switch (outcome.verdict) {
    case 'send_back':
      shape.sendBack(ctx, outcome.to ?? stage, by, outcome.reason);
      return;
    case 'stop':
      throw fail(outcome.by.length === 0 ? 'expired' : 'stopped', `the run was stopped at ${stage} by ${by}: ${outcome.reason}; the failure was ${failure.message}`);
    case 'replace_input': {
      const given = outcome.input;
      if (given === undefined) throw new RangeError('replace_input without an input');
      // What an item of a fan-out made has the item's name at its end.
      const type = artifactTypeOf(ctx.pipeline, given.name.replace(/-.*$/, ''));
      const { found, missing } = await ctx.wait(`replace:${stage}:${given.artifact}`, () => look(given.artifact, type?.kind));
      const ref = found[0];
      const wrong = ref === undefined || type === undefined ? missing : misfits(type, typeOf(ref));
      if (ref === undefined || wrong.length > 0) {
        const message = `${given.name} could not be replaced by ${given.artifact}: ${wrong.join('; ')}`;
        ctx.emit({ type: 'repaired', stage, by, text: message });
        return await repair(ctx, shape, stage, { kind: 'artifact_missing', message, owner: 'requester', nextAction: 'ask_human' });
      }
      ctx.emit({ type: 'repaired', stage, by, text: `${given.name} replaced by ${given.artifact}: ${outcome.reason}`, input: { name: given.name, ref } });
      return;
    }
    default: {
      const set = Object.fromEntries(Object.entries(outcome.set ?? {}).map(([name, value]) => [resolveParameter(ctx.spec, sectionName(ctx.state, stage), name) ?? name, value]));
      const names = Object.keys(set);
      ctx.emit({ type: 'repaired', stage, by, text: `${outcome.verdict}${names.length > 0 ? ` with ${names.join(', ')}` : ''}: ${outcome.reason}`, set });
    }
  }
}
