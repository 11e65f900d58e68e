import { workflowInfo } from '@temporalio/workflow';
import { isBefore } from '../../domain/pipeline.js';
import { isOfThisRound, stageOf } from '../../domain/run-state.js';
import { sectionOf } from '../../domain/sections.js';
import { RELEASE_STAGES } from '../../domain/stage.js';
import { publishRelease } from '../activity-options.js';
import type { StageCall, StageDefinition } from '../stage.js';
import { StageTrouble } from '../stage-trouble.js';

type Publish = typeof RELEASE_STAGES.publish;

/** Publishes what was approved at the approval stage before it. The activity believes nothing of what it is given here: it looks the approvals up itself. */
export const publish: StageDefinition<Publish['consumes'], Publish['produces']> = {
  description: RELEASE_STAGES.publish,
  run: async (call) => {
    const { ctx, name } = call;
    const { model, ...evidence } = call.inputs;
    const approval = approvalBefore(call);
    const gate = approval === undefined ? undefined : ctx.state.gates[approval];
    if (model === undefined || approval === undefined || gate === undefined)
      throw new StageTrouble({ kind: 'approval_unproved', message: 'nothing was approved, so nothing is published', owner: 'requester', nextAction: 'ask_human' });
    if (!isOfThisRound(ctx.state, gate))
      throw new StageTrouble({ kind: 'approval_unproved', message: `what was approved is of round ${gate.round}, and the run was sent back since; send it back to ${approval}`, owner: 'requester', nextAction: 'ask_human' });
    const { run, runUid, version, requesters } = ctx.state;
    const roles = sectionOf(ctx.spec, approval)?.roles ?? [];
    const { release, ref, digest } = await ctx.wait(`publish:${ctx.state.round}:${stageOf(ctx.state, name).attempts}`, () =>
      publishRelease({ run, runUid, executionRunId: workflowInfo().runId, name: ctx.state.model, version, requesters, roles, gate, model, evidence }),
    );
    ctx.emit({ type: 'released', ref, digest: digest ?? release.digest });
    return { outputs: { release }, figures: { bytes: model.bytes } };
  },
};

/** The last approval stage that stands before this one. */
const approvalBefore = ({ ctx, section }: StageCall): string | undefined =>
  Object.entries(ctx.pipeline.stages).findLast(([name, { section: kind }]) => kind === 'approval' && isBefore(ctx.pipeline, name, section))?.[0];
