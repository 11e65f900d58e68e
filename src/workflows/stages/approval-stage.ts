import { approvalDigests, excludedFrom, type ApprovalSubject } from '../../domain/approval.js';
import type { GateOutcome } from '../../domain/gate.js';
import type { Consumed, StageDescription } from '../../domain/pipeline.js';
import { stageOf, type RunState } from '../../domain/run-state.js';
import { sectionOf, type SectionInput } from '../../domain/sections.js';
import { rolesOf, type SiteView } from '../../domain/site-view.js';
import { figure } from '../../domain/text.js';
import { failure } from '../../temporal-failure.js';
import { readSite } from '../activity-options.js';
import { askGate, type GateQuestion } from '../gate.js';
import type { StageCall, StageDefinition, StageResult } from '../stage.js';
import { StageTrouble } from '../stage-trouble.js';

/** An approval as code declares it; spec and site can only tighten it. */
export interface ApprovalStageOptions<C extends Readonly<Record<string, Consumed>>> {
  title?: string;
  /** What is approved, first; then what people judge it by. An approval is bound to the digests of all of it. */
  consumes: C;
  /** Roles beside the site's floor; they can only tighten it. */
  roles?: SectionInput['roles'];
  /** How long people have; then the answer is no. Default 7 days. */
  deadline?: string;
}

/**
 * A stage at which people approve or reject: a gate of the stage's own name, under the policy of the worker's site. A
 * rejection ends the run, or sends it back to the stage that it names.
 */
export function approvalStage<const C extends Readonly<Record<string, Consumed>>>({ title = 'Approve', consumes, roles, deadline }: ApprovalStageOptions<C>): StageDefinition<C, Record<never, never>> {
  return describedApproval({ title, section: 'approval', consumes, produces: {}, defaults: { ...(roles === undefined ? {} : { roles }), ...(deadline === undefined ? {} : { deadline }) } });
}

/** As `approvalStage`, of a stage that is described already. */
export function describedApproval<const C extends Readonly<Record<string, Consumed>>>(description: StageDescription<C, Record<never, never>>): StageDefinition<C, Record<never, never>> {
  return {
    description,
    run: async (call) => settle(call, await askGate(call.ctx, call.name, call.name, () => question(call))),
  };
}

/** What is put before the approvers, under the policy of the worker's site; StageTrouble when there is nothing or nobody. */
export function subjectOf({ ctx, section, inputs, description }: StageCall, site: SiteView): ApprovalSubject {
  const [what = 'model'] = Object.keys(description.consumes);
  const { [what]: model, ...evidence } = inputs;
  if (model === undefined) throw new StageTrouble({ kind: 'missing_file', message: `there is no ${what} to approve`, owner: 'requester', nextAction: 'ask_human' });
  const roles = rolesOf(site, sectionOf(ctx.spec, section)?.roles ?? []);
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

async function question(call: StageCall): Promise<GateQuestion> {
  const { ctx, shape, name, section, description } = call;
  const subject = subjectOf(call, await readSite());
  const digests = approvalDigests(subject);
  const figures = Object.keys(subject.evidence).length === 0 ? ['no quality or validation result'] : Object.entries(subject.evidence).map(([of, ref]) => `${of}: ${ref.digest}${ctx.state.inputs[of]?.digest === ref.digest ? ' (given from outside: this run did not measure it)' : ''}`);
  const [what = 'model'] = Object.keys(description.consumes);
  const releases = Object.values(ctx.pipeline.stages).some(({ produces }) => Object.values(produces).some(({ kind }) => kind === 'release'));
  return {
    id: name,
    kind: 'approval',
    stage: name,
    question: `${releases ? 'Release' : 'Approve'} ${ctx.state.model} ${ctx.state.version}?`,
    choices: [
      { id: 'approve', label: releases ? 'release it' : 'approve it' },
      { id: 'reject', label: `do not ${releases ? 'release' : 'approve'} it; with a stage, redo from there` },
    ],
    roles: subject.roles,
    excluded: subject.excluded,
    identity: subject.identity,
    deadlineMs: sectionOf(ctx.spec, section)?.deadline ?? 0,
    onExpiry: 'reject',
    digests,
    evidence: [`asked for by ${ctx.state.requesters.join(', ')}`, ...verdictsOf(ctx.state), `${what}: ${digests.model}`, ...figures],
    stages: shape.backTo(ctx, name).filter((stage) => stage !== name),
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

function settle({ ctx, shape, name }: StageCall, outcome: GateOutcome): StageResult | undefined {
  const by = outcome.by.join(', ');
  if (outcome.verdict === 'approve') return { figures: { approvals: outcome.by.length }, reason: `approved by ${by} (identity asserted)` };
  if (outcome.by.length === 0) throw failure('expired', `nobody decided on ${ctx.state.model} ${ctx.state.version} in time, so it is not released; start it anew with ferry resume ${ctx.state.run} --from ${name}`);
  if (outcome.to !== undefined) {
    shape.sendBack(ctx, outcome.to, by, outcome.reason);
    return undefined;
  }
  throw failure('rejected', `${by} rejected ${ctx.state.model} ${ctx.state.version}: ${outcome.reason}`);
}
