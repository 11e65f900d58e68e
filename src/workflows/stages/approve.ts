import { approvalDigests, excludedFrom, type ApprovalSubject } from '../../domain/approval.js';
import type { GateOutcome } from '../../domain/gate.js';
import { APPROVAL_GATE_ID } from '../../domain/ids.js';
import { skipReasonOf } from '../../domain/plan.js';
import { stageOf, type RunState } from '../../domain/run-state.js';
import { rolesOf, type SiteView } from '../../domain/site-view.js';
import { STAGE_WIRING } from '../../domain/stage.js';
import { figure } from '../../domain/text.js';
import { failure } from '../../temporal-failure.js';
import { readSite } from '../activity-options.js';
import { askGate, type GateQuestion } from '../gate.js';
import type { PipelineShape, StageDefinition } from '../pipeline.js';
import type { RunContext } from '../run-context.js';
import { StageTrouble } from '../stage-trouble.js';

/** What is put before the approvers, under the policy of the worker's site; StageTrouble when there is nothing or nobody. */
export function subjectOf(ctx: RunContext, site: SiteView): ApprovalSubject {
  const { model, ...evidence } = ctx.inputsFor(STAGE_WIRING.approve.consumes);
  if (model === undefined) throw new StageTrouble({ kind: 'missing_file', message: 'there is no model to approve', owner: 'requester', nextAction: 'ask_human' });
  const roles = rolesOf(site, ctx.spec.stages.approve?.roles ?? []);
  const excluded = excludedFrom(site, ctx.state.requesters);
  for (const role of roles) {
    const able = (role.members ?? []).filter((name) => !excluded.includes(name));
    if (able.length < role.quorum)
      throw new StageTrouble({
        kind: 'site_invalid',
        message: `the role ${role.role} needs ${role.quorum} and the worker's site file names ${able.length} who may decide${excluded.length > 0 ? ` (${excluded.join(', ')} asked for the release)` : ''}`,
        owner: 'platform',
        nextAction: 'ask_human',
      });
  }
  return { model, evidence, roles, excluded, identity: site.approval.identity };
}

async function question(ctx: RunContext, shape: PipelineShape): Promise<GateQuestion> {
  const subject = subjectOf(ctx, await readSite());
  const digests = approvalDigests(subject);
  const figures = Object.keys(subject.evidence).length === 0 ? ['no quality or validation result'] : Object.entries(subject.evidence).map(([name, ref]) => `${name}: ${ref.digest}${ctx.state.inputs[name]?.digest === ref.digest ? ' (given from outside: this run did not measure it)' : ''}`);
  return {
    id: APPROVAL_GATE_ID,
    kind: 'approval',
    stage: 'approve',
    question: `Release ${ctx.state.model} ${ctx.state.version}?`,
    choices: [
      { id: 'approve', label: 'release it' },
      { id: 'reject', label: 'do not release it; with a stage, redo from there' },
    ],
    roles: subject.roles,
    excluded: subject.excluded,
    identity: subject.identity,
    deadlineMs: ctx.spec.stages.approve?.deadline ?? 0,
    onExpiry: 'reject',
    digests,
    evidence: [`asked for by ${ctx.state.requesters.join(', ')}`, ...verdictsOf(ctx.state), `model: ${digests.model}`, ...figures],
    stages: shape.backTo(ctx, 'approve').filter((stage) => stage !== 'approve'),
  };
}

/** What the stages before found, a line each: approvers judge by it, and may look the digests up. */
function verdictsOf(state: RunState): string[] {
  return state.order.flatMap((name) => {
    const { verdict, step: _, ...figures } = stageOf(state, name).figures;
    if (verdict === undefined) return [];
    return [`${name}: ${verdict}: ${Object.entries(figures).map(([what, value]) => `${what} ${typeof value === 'number' ? figure(value) : value}`).join(', ')}`];
  });
}

function settle(ctx: RunContext, shape: PipelineShape, outcome: GateOutcome): void {
  const by = outcome.by.join(', ');
  if (outcome.verdict === 'approve') return ctx.emit({ type: 'stage_done', stage: 'approve', outputs: {}, figures: { approvals: outcome.by.length }, reason: `approved by ${by} (identity asserted)` });
  if (outcome.by.length === 0) throw failure('expired', `nobody decided on ${ctx.state.model} ${ctx.state.version} in time, so it is not released; start it anew with ferry resume ${ctx.state.run} --from approve`);
  if (outcome.to !== undefined) return shape.sendBack(ctx, outcome.to, by, outcome.reason);
  throw failure('rejected', `${by} rejected ${ctx.state.model} ${ctx.state.version}: ${outcome.reason}`);
}

export const approve: StageDefinition = {
  consumes: STAGE_WIRING.approve.consumes,
  produces: [],
  gates: [APPROVAL_GATE_ID],
  skip: (ctx) => skipReasonOf(ctx.spec, 'approve'),
  run: async (ctx, shape) => {
    if (stageOf(ctx.state, 'approve').state === 'pending') ctx.emit({ type: 'stage_started', stage: 'approve' });
    settle(ctx, shape, await askGate(ctx, APPROVAL_GATE_ID, 'approve', () => question(ctx, shape)));
  },
};
