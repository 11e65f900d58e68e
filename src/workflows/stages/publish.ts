import { workflowInfo } from '@temporalio/workflow';
import { APPROVAL_GATE_ID } from '../../domain/ids.js';
import { skipReasonOf } from '../../domain/plan.js';
import { isOfThisRound, stageOf } from '../../domain/run-state.js';
import { STAGE_WIRING } from '../../domain/stage.js';
import { publishRelease } from '../activity-options.js';
import type { StageDefinition } from '../pipeline.js';
import { StageTrouble } from '../stage-trouble.js';

/** Publishes what was approved. The activity believes nothing of what it is given here: it looks the approvals up itself. */
export const publish: StageDefinition = {
  consumes: STAGE_WIRING.publish.consumes,
  produces: Object.keys(STAGE_WIRING.publish.produces),
  skip: (ctx) => skipReasonOf(ctx.spec, 'publish'),
  run: async (ctx) => {
    if (stageOf(ctx.state, 'publish').state === 'pending') ctx.emit({ type: 'stage_started', stage: 'publish' });
    const { model, ...evidence } = ctx.inputsFor(STAGE_WIRING.publish.consumes);
    const gate = ctx.state.gates[APPROVAL_GATE_ID];
    if (model === undefined || gate === undefined)
      throw new StageTrouble({ kind: 'approval_unproved', message: 'nothing was approved, so nothing is published', owner: 'requester', nextAction: 'ask_human' });
    if (!isOfThisRound(ctx.state, gate))
      throw new StageTrouble({ kind: 'approval_unproved', message: `what was approved is of round ${gate.round}, and the run was sent back since; send it back to approve`, owner: 'requester', nextAction: 'ask_human' });
    const { run, runUid, version, requesters } = ctx.state;
    const { release, ref, digest } = await ctx.wait(`publish:${ctx.state.round}:${stageOf(ctx.state, 'publish').attempts}`, () =>
      publishRelease({ run, runUid, executionRunId: workflowInfo().runId, name: ctx.state.model, version, requesters, gate, model, evidence }),
    );
    ctx.emit({ type: 'released', ref, digest: digest ?? release.digest });
    ctx.emit({ type: 'stage_done', stage: 'publish', outputs: { release }, figures: { bytes: model.bytes } });
  },
};
