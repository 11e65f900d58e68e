import type { ArtifactRef } from './artifact.js';
import { digestOf } from './canonical.js';
import { Decision, parseSignal, type DecisionDigests } from './decision.js';
import { MAX_COUNTED_REASON, quorumOf, type CountedDecision, type Gate, type GateRole } from './gate.js';
import { oneLine } from './text.js';

export interface ApprovalSubject {
  model: ArtifactRef;
  /** What people judge by: the results of the quality and validation stages, as far as the run has them. */
  evidence: Record<string, ArtifactRef>;
  roles: GateRole[];
  excluded: string[];
  identity: 'asserted';
}

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
  at: string;
}

const DIGEST_KEYS = ['model', 'evidence', 'policy'] as const satisfies readonly (keyof DecisionDigests)[];

/**
 * Why the approvals that a run carries do not prove that people approved; empty when they do. Nothing that the run says
 * is taken on trust: roles and digests are those of the verifier's own site and store, and each counted decision must
 * stand among the messages that the server recorded.
 */
export function unproved(gate: Gate, subject: ApprovalSubject, messages: readonly RecordedMessage[]): string[] {
  const problems: string[] = [];
  const digests = approvalDigests(subject);
  for (const key of DIGEST_KEYS)
    if (gate.digests[key] !== digests[key]) problems.push(`the approval is about another ${key}: ${gate.digests[key] ?? 'none'} instead of ${digests[key]}`);
  if (gate.outcome?.verdict !== 'approve') problems.push(`the gate ${gate.id} was not closed by an approval`);

  const proved = gate.counted.filter((counted) => {
    const problem = problemWith(counted, gate, subject, messages);
    if (problem !== undefined) problems.push(problem);
    return problem === undefined;
  });
  const people = proved.filter((counted, i) => proved.findIndex((other) => other.approver === counted.approver) === i);
  const quorum = quorumOf({ ...gate, roles: subject.roles, counted: people });
  for (const [role, { have, need }] of Object.entries(quorum)) if (have < need) problems.push(`${role}: ${have} of ${need} approvals are proved`);
  return problems;
}

function problemWith(counted: CountedDecision, gate: Gate, subject: ApprovalSubject, messages: readonly RecordedMessage[]): string | undefined {
  const who = oneLine(counted.approver, 100);
  if (subject.excluded.includes(counted.approver)) return `${who} asked for this release`;
  const role = subject.roles.find((r) => r.role === counted.role);
  if (role === undefined || (role.members !== undefined && !role.members.includes(counted.approver))) return `${who} is not in the role ${oneLine(counted.role, 100)}`;
  return messages.some((message) => says(message, counted, gate)) ? undefined : `no message of ${who} with the verdict ${counted.verdict} stands in the run's history`;
}

function says(message: RecordedMessage, counted: CountedDecision, gate: Gate): boolean {
  if (message.route !== counted.route || message.at < gate.openedAt) return false;
  const decision = decisionIn(message);
  return (
    decision !== undefined &&
    decision.verdict === counted.verdict &&
    (decision.gate === undefined || decision.gate === gate.id) &&
    // A signal without a name was taken for the only member; the policy with its members is compared by digest above.
    (decision.approver === undefined || decision.approver === counted.approver) &&
    decision.nonce === counted.nonce &&
    (decision.role === undefined || decision.role === counted.role) &&
    // Someone who approved another model, or other evidence, has not approved this.
    DIGEST_KEYS.every((key) => decision.digests[key] === undefined || decision.digests[key] === gate.digests[key]) &&
    oneLine(decision.reason, MAX_COUNTED_REASON) === counted.reason
  );
}

function decisionIn(message: RecordedMessage): Decision | undefined {
  if (message.route === 'update') return message.name === 'decide' ? Decision.safeParse(message.payload).data : undefined;
  if (message.name !== 'approve' && message.name !== 'reject') return undefined;
  const parsed = parseSignal(message.name, message.payload);
  return 'decision' in parsed ? parsed.decision : undefined;
}
