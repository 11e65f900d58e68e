import type { ArtifactRef } from './artifact.js';
import { digestOf } from './canonical.js';
import { Decision, parseSignal, type DecisionDigests } from './decision.js';
import { decideOn, quorumOf, type CountedDecision, type Gate, type GateRole } from './gate.js';
import { oneLine } from './text.js';

export interface ApprovalSubject {
  model: ArtifactRef;
  /** What people judge by: the results of the quality and validation stages, as far as the run has them. */
  evidence: Record<string, ArtifactRef>;
  roles: GateRole[];
  excluded: string[];
  identity: 'asserted';
}

/** Everybody who asked for a release: the spec's author, who started the run, and those of the runs that it takes over from. */
export function requestersOf(spec: { author?: string | undefined }, start: { requestedBy: string; resume?: { requesters?: string[] | undefined } | undefined }): string[] {
  return [...new Set([...(spec.author === undefined ? [] : [spec.author]), start.requestedBy, ...(start.resume?.requesters ?? [])])];
}

/** Who may not approve, each once and sorted: the digest of the policy covers them, and their order decides nothing. */
export const excludedFrom = (site: { approval: { excludeAuthor: boolean } }, requesters: readonly string[]): string[] => (site.approval.excludeAuthor ? [...new Set(requesters)].sort() : []);

/** What an approval is bound to: exactly this model, judged by this evidence, under this policy with these people. */
export function approvalDigests(subject: ApprovalSubject): Required<DecisionDigests> {
  return {
    model: subject.model.digest,
    evidence: digestOf(Object.fromEntries(Object.entries(subject.evidence).map(([name, ref]) => [name, ref.digest]))),
    policy: digestOf({ roles: subject.roles, excluded: subject.excluded, identity: subject.identity }),
  };
}

/** A message to a run as Temporal's history recorded it: the only account of a decision that the run itself can't write. */
export interface RecordedMessage {
  name: string;
  route: 'update' | 'signal';
  payload: unknown;
  /** Workflow time of the task in which the run saw it, in ISO 8601 UTC. */
  at: string;
}

const DIGEST_KEYS = ['model', 'evidence', 'policy'] as const satisfies readonly (keyof DecisionDigests)[];

/**
 * Why the approvals that a run carries do not prove that people approved; empty when they do. Nothing that the run says
 * is taken on trust: roles and digests are those of the verifier's own site and store, and the messages that the server
 * recorded while the gate was open are judged again by the same rules.
 */
export function unproved(gate: Gate, subject: ApprovalSubject, messages: readonly RecordedMessage[]): string[] {
  const problems: string[] = [];
  const digests = approvalDigests(subject);
  for (const key of DIGEST_KEYS)
    if (gate.digests[key] !== digests[key]) problems.push(`the approval is about another ${key}: ${gate.digests[key] ?? 'none'} instead of ${digests[key]}`);
  if (gate.outcome?.verdict !== 'approve') problems.push(`the gate ${gate.id} was not closed by an approval`);

  const judged = judgeAgain(gate, subject, messages);
  const proved = gate.counted.filter((counted) => {
    const problem = problemWith(counted, subject, judged);
    if (problem !== undefined) problems.push(problem);
    return problem === undefined;
  });
  const people = proved.filter((counted, i) => proved.findIndex((other) => other.approver === counted.approver) === i);
  if (judged.outcome?.verdict === 'reject') problems.push(`${judged.outcome.by.join(', ')} rejected it`);
  for (const [role, { have, need }] of Object.entries(quorumOf({ ...judged, counted: people }))) if (have < need) problems.push(`${role}: ${have} of ${need} approvals are proved`);
  return problems;
}

/** The gate as the recorded messages alone make it, under the verifier's own roles. */
function judgeAgain(gate: Gate, subject: ApprovalSubject, messages: readonly RecordedMessage[]): Gate {
  const { outcome, ...open } = gate;
  let judged: Gate = { ...open, kind: 'approval', roles: subject.roles, excluded: subject.excluded, identity: subject.identity, digests: approvalDigests(subject), counted: [] };
  for (const message of messages) {
    // Before the gate opened a message was about something else; after it closed it was too late.
    if (message.at < gate.openedAt || (outcome !== undefined && message.at > outcome.at)) continue;
    const decision = decisionIn(message);
    if (decision !== undefined && (decision.gate === undefined || decision.gate === gate.id)) judged = decideOn(judged, decision, message.at, message.route).gate;
  }
  return judged;
}

function problemWith(counted: CountedDecision, subject: ApprovalSubject, judged: Gate): string | undefined {
  const who = oneLine(counted.approver, 100);
  if (subject.excluded.includes(counted.approver)) return `${who} asked for this release`;
  const role = subject.roles.find((r) => r.role === counted.role);
  if (role === undefined || (role.members !== undefined && !role.members.includes(counted.approver))) return `${who} is not in the role ${oneLine(counted.role, 100)}`;
  const isProved = judged.counted.some((d) => d.approver === counted.approver && d.role === counted.role && d.verdict === counted.verdict && d.route === counted.route && d.nonce === counted.nonce && d.reason === counted.reason);
  return isProved ? undefined : `no message of ${who} with the verdict ${counted.verdict} stands in the run's history`;
}

function decisionIn(message: RecordedMessage): Decision | undefined {
  if (message.route === 'update') return message.name === 'decide' ? Decision.safeParse(message.payload).data : undefined;
  if (message.name !== 'approve' && message.name !== 'reject') return undefined;
  const parsed = parseSignal(message.name, message.payload);
  return 'decision' in parsed ? parsed.decision : undefined;
}
