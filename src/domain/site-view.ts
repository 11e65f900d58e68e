import type { Digest } from './canonical.js';
import type { GateRole } from './gate.js';
import type { Backend, ExecutorKind } from './job.js';
import type { Limits } from './site.js';
import type { QuorumRule } from './sections.js';

/** An executor as workflows know it. */
export interface ExecutorView {
  kind: ExecutorKind;
  /** The task queue on which this executor's jobs are submitted, watched and cancelled. */
  queue: string;
  backends: Backend[];
}

/** What a workflow may know of the worker's own site file: no path, no secret, only names. */
export interface SiteView {
  name: string;
  digest: Digest;
  executors: Record<string, ExecutorView>;
  secrets: string[];
  /** The floor of every approval, with the members of each role. */
  approval: { identity: 'asserted'; excludeAuthor: boolean; roles: GateRole[] };
  /** All roles that approvers have, by role: for roles that a spec adds to the floor. */
  members: Record<string, string[]>;
  /** Who may answer repair gates; undefined: anyone who can reach the server. */
  operators?: string[];
  limits: Limits;
}

/** The roles that a gate asks: the site's floor, raised by what the spec adds. A spec can neither lower a quorum nor name people. */
export function rolesOf(site: Pick<SiteView, 'approval' | 'members'>, added: readonly QuorumRule[]): GateRole[] {
  const roles = new Map(site.approval.roles.map((role) => [role.role, role]));
  for (const { role, quorum } of added) {
    const floor = roles.get(role);
    roles.set(role, { role, quorum: Math.max(quorum, floor?.quorum ?? 0), members: floor?.members ?? (Object.hasOwn(site.members, role) ? site.members[role] : undefined) ?? [] });
  }
  return [...roles.values()];
}
