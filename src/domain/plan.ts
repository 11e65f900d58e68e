import { excludedFrom, requestersOf } from './approval.js';
import type { GateRole } from './gate.js';
import { APPROVAL_GATE_ID } from './ids.js';
import { nearest, type Problem } from './problems.js';
import type { Site } from './site.js';
import { rolesOf, type SiteView } from './site-view.js';
import { beginsAfter, ladderOf, processesOf, serversOf, type RunSpec } from './spec.js';
import { JOB_STAGES, STAGE_NAMES, STAGE_WIRING, isBefore, type JobStageName, type StageName } from './stage.js';

/** What `ferry plan` tells of a spec before anything is started. */
export interface RunPlan {
  stages: PlannedStage[];
  problems: Problem[];
  approvals: PlannedApproval[];
}

export interface PlannedStage {
  name: StageName;
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

export interface PlannedProcess {
  backend: string;
  simulated: boolean;
  executor: string;
  command: string[];
}

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
export function skipReasonOf(spec: RunSpec, stage: StageName): string | undefined {
  const begin = beginsAfter(spec);
  if (begin !== undefined && stage !== 'preflight' && !isBefore(begin.stage, stage)) return `the run begins after ${begin.stage}: its input ${begin.input} is given`;
  return spec.stages[stage] === undefined ? 'the spec leaves it out' : undefined;
}

/** What a spec would do at a site. Without a site only what the spec alone tells is looked at. */
export function planOf(spec: RunSpec, site: PlanSite | undefined, requestedBy: string): RunPlan {
  const stages = STAGE_NAMES.map((name) => {
    const reason = skipReasonOf(spec, name) ?? null;
    const wiring = STAGE_WIRING[name];
    return {
      name,
      title: wiring.title,
      skipped: reason !== null,
      reason,
      consumes: [...wiring.consumes],
      produces: Object.keys(wiring.produces),
      attempts: reason === null && isJobStage(name) ? ladderOf(spec, name).map(plannedProcess) : [],
      servers: reason === null && isJobStage(name) ? Object.fromEntries(Object.entries(serversOf(spec, name)).map(([server, plan]) => [server, plannedProcess(plan)])) : {},
    };
  });
  const approve = skipReasonOf(spec, 'approve') === undefined ? spec.stages.approve : undefined;
  const excluded = site === undefined ? [] : excludedFrom(site, requestersOf(spec, { requestedBy }));
  const roles: GateRole[] = approve === undefined ? [] : site === undefined ? approve.roles : rolesOf(site, approve.roles);
  const approvals = roles.map((role): PlannedApproval => {
    const members = role.members?.filter((name) => !excluded.includes(name));
    return { gate: APPROVAL_GATE_ID, role: role.role, quorum: role.quorum, members: members ?? null, identity: 'asserted', deadlineMs: approve?.deadline ?? 0, onExpiry: approve?.onExpiry ?? 'reject' };
  });
  return { stages, approvals, problems: site === undefined ? [] : [...siteProblems(spec, site), ...quorumProblems(approvals)] };
}

const plannedProcess = ({ backend, simulated, executor, command }: PlannedProcess): PlannedProcess => ({ backend, simulated, executor, command });

const isJobStage = (name: StageName): name is JobStageName => (JOB_STAGES as readonly StageName[]).includes(name);

/** Executors, backends and secrets that a spec names and a site does not have. */
export function siteProblems(spec: RunSpec, site: PlanSite): Problem[] {
  const problems: Problem[] = [];
  const missing = (path: string, found: string, expected: string, allowed: readonly string[], name: string): void => {
    const meant = nearest(name, allowed);
    problems.push({ path, found, expected, ...(meant === undefined ? {} : { suggestion: `did you mean ${meant}?` }) });
  };
  for (const stage of JOB_STAGES) {
    if (skipReasonOf(spec, stage) !== undefined) continue;
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
  return approvals.flatMap(({ role, quorum, members }) =>
    members === null || members.length >= quorum
      ? []
      : [{ path: 'stages.approve', found: `the role ${role} with ${members.length === 0 ? 'nobody' : members.join(', ')} who may decide`, expected: `at least ${quorum}`, suggestion: 'name approvers in the site file; who asks for a release does not count' }],
  );
}
