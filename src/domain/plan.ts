import { excludedFrom, requestersOf } from './approval.js';
import { misfits, typeOf, type ArtifactRef } from './artifact.js';
import type { GateRole } from './gate.js';
import { beginsAfter, isBefore, isCheck, type PipelineDescription, type StageDescription } from './pipeline.js';
import { nearest, type Problem } from './problems.js';
import { ladderOf, processesOf, sectionOf, serversOf } from './sections.js';
import type { Site } from './site.js';
import { rolesOf, type SiteView } from './site-view.js';
import type { RunSpec } from './spec.js';
import { neededAs } from './wiring.js';

/** What `ferry plan` tells of a spec before anything is started. */
export interface RunPlan {
  stages: PlannedStage[];
  problems: Problem[];
  approvals: PlannedApproval[];
}

/** A stage as a run would take it, or why it would not. */
export interface PlannedStage {
  name: string;
  title: string;
  skipped: boolean;
  /** Why it is skipped; null when it is taken. */
  reason: string | null;
  consumes: string[];
  produces: string[];
  /** What is tried, in this order; empty for a stage without a job. */
  attempts: PlannedProcess[];
  /** The servers beside each attempt, by name. */
  servers: Record<string, PlannedProcess>;
}

/** What is started, and where. */
export interface PlannedProcess {
  backend: string;
  simulated: boolean;
  executor: string;
  command: string[];
}

/** A role that must agree at a gate. `deadlineMs` is in milliseconds. */
export interface PlannedApproval {
  gate: string;
  role: string;
  quorum: number;
  /** Who may decide; who asks for the release is left out where the site excludes authors. Null without a site file. */
  members: string[] | null;
  identity: 'asserted';
  deadlineMs: number;
  onExpiry: string;
}

/** The part of a site that a plan is about: a site file, or what a worker tells of its own. */
export type PlanSite = Pick<SiteView, 'approval' | 'members' | 'secrets'> & { name: string; executors: Record<string, { backends: readonly string[] }> };

/** A site file as a plan needs it. */
export function planSiteOf(site: Site): PlanSite & { executors: Site['executors'] } {
  // Sorted, since the policy's digest covers them: the order in which a file names people decides nothing.
  const roles = [...new Set(site.approvers.flatMap((approver) => approver.roles))].sort();
  const members: Record<string, string[]> = Object.fromEntries(roles.map((role) => [role, site.approvers.filter((a) => a.roles.includes(role)).map((a) => a.name).sort()]));
  const { identity, excludeAuthor } = site.approval;
  return {
    name: site.name,
    executors: site.executors,
    secrets: Object.keys(site.secrets),
    members,
    approval: { identity, excludeAuthor, roles: site.approval.roles.map((rule): GateRole => ({ ...rule, members: (Object.hasOwn(members, rule.role) ? members[rule.role] : undefined) ?? [] })) },
  };
}

/** Why a stage is not taken: the spec leaves it out, or an input stands in for what it would make. */
export function skipReasonOf(pipeline: PipelineDescription, spec: RunSpec, stage: string): string | undefined {
  const begin = beginsAfter(pipeline, spec);
  const description = pipeline.stages[stage];
  if (begin !== undefined && description !== undefined && !isCheck(description) && !isBefore(pipeline, begin.stage, stage)) return `the run begins after ${begin.stage}: its input ${begin.input} is given`;
  return sectionOf(spec, stage) === undefined ? 'the spec leaves it out' : undefined;
}

/** What a spec would do at a site. Without a site only what the spec alone tells is looked at. */
export function planOf(pipeline: PipelineDescription, spec: RunSpec, site: PlanSite | undefined, requestedBy: string): RunPlan {
  const excluded = site === undefined ? [] : excludedFrom(site, requestersOf(spec, { requestedBy }));
  const stages = Object.entries(pipeline.stages).map(([name, description]) => plannedStage(pipeline, spec, name, description));
  const approvals = stages.filter(({ name, skipped }) => !skipped && pipeline.stages[name]?.section === 'approval').flatMap(({ name }) => plannedApprovals(spec, name, site, excluded));
  return { stages, approvals, problems: site === undefined ? [] : [...siteProblems(pipeline, spec, site), ...quorumProblems(approvals)] };
}

function plannedStage(pipeline: PipelineDescription, spec: RunSpec, name: string, { title, consumes, produces }: StageDescription): PlannedStage {
  const reason = skipReasonOf(pipeline, spec, name) ?? null;
  const taken = reason === null;
  return {
    name,
    title,
    skipped: !taken,
    reason,
    consumes: Object.keys(consumes),
    produces: Object.keys(produces),
    attempts: taken ? ladderOf(spec, name).map(plannedProcess) : [],
    servers: taken ? Object.fromEntries(Object.entries(serversOf(spec, name)).map(([server, plan]) => [server, plannedProcess(plan)])) : {},
  };
}

function plannedApprovals(spec: RunSpec, stage: string, site: PlanSite | undefined, excluded: readonly string[]): PlannedApproval[] {
  const section = sectionOf(spec, stage);
  const added = section?.roles ?? [];
  const roles: GateRole[] = site === undefined ? added : rolesOf(site, added);
  return roles.map((role) => {
    const members = role.members?.filter((name) => !excluded.includes(name));
    return { gate: stage, role: role.role, quorum: role.quorum, members: members ?? null, identity: 'asserted', deadlineMs: section?.deadline ?? 0, onExpiry: section?.onExpiry ?? 'reject' };
  });
}

const plannedProcess = ({ backend, simulated, executor, command }: PlannedProcess): PlannedProcess => ({ backend, simulated, executor, command });

/** Executors, backends and secrets that a spec names and a site does not have. */
export function siteProblems(pipeline: PipelineDescription, spec: RunSpec, site: PlanSite): Problem[] {
  const problems: Problem[] = [];
  const missing = (path: string, found: string, expected: string, allowed: readonly string[], name: string): void => {
    const meant = nearest(name, allowed);
    problems.push({ path, found, expected, ...(meant === undefined ? {} : { suggestion: `did you mean ${meant}?` }) });
  };
  for (const stage of Object.keys(pipeline.stages)) {
    if (skipReasonOf(pipeline, spec, stage) !== undefined) continue;
    for (const { path, plan } of processesOf(spec, stage)) {
      const executor = Object.hasOwn(site.executors, plan.executor) ? site.executors[plan.executor] : undefined;
      const names = Object.keys(site.executors);
      if (executor === undefined) missing(`${path}.executor`, `the executor ${plan.executor}`, `an executor of the site ${site.name}: ${names.join(', ')}`, names, plan.executor);
      else if (!executor.backends.includes(plan.backend)) missing(`${path}.backend`, plan.backend, `a backend of the executor ${plan.executor}: ${executor.backends.join(', ')}`, executor.backends, plan.backend);
      for (const [variable, value] of Object.entries(plan.env)) {
        if (typeof value !== 'string' && !site.secrets.includes(value.secret))
          missing(`${path}.env.${variable}.secret`, `the secret ${value.secret}`, `a secret of the site ${site.name}: ${site.secrets.join(', ') || 'it has none'}`, site.secrets, value.secret);
      }
    }
  }
  return problems;
}

/** A gate that nobody can ever pass is better known before weeks of training than after them. */
function quorumProblems(approvals: readonly PlannedApproval[]): Problem[] {
  return approvals.flatMap(({ gate, role, quorum, members }) =>
    members === null || members.length >= quorum
      ? []
      : [{ path: `stages.${gate}`, found: `the role ${role} with ${members.length === 0 ? 'nobody' : members.join(', ')} who may decide`, expected: `at least ${quorum}`, suggestion: 'name approvers in the site file; who asks for a release does not count' }],
  );
}

/** Artifacts that a run is to begin with and that a stage can't read: of another kind, or declared as something else. */
export function inputProblems(pipeline: PipelineDescription, spec: RunSpec, inputs: Readonly<Record<string, ArtifactRef>>): Problem[] {
  return Object.entries(inputs).flatMap(([name, ref]) =>
    Object.keys(pipeline.stages)
      .filter((stage) => skipReasonOf(pipeline, spec, stage) === undefined)
      .flatMap((stage): Problem[] => {
        const needed = neededAs(pipeline, spec, stage, name);
        const wrong = needed === undefined ? [] : misfits(needed, typeOf(ref));
        return wrong.length === 0 ? [] : [{ path: `inputs.${name}`, found: `${ref.digest}, which does not fit the stage ${stage}: ${wrong.join(', ')}`, expected: `a ${needed?.kind} as ${stage} needs it`, suggestion: `look at it with: ferry artifact show ${ref.digest}` }];
      }),
  );
}
