import type { Decision, DecisionDigests, DecisionRoute } from './decision.js';
import { oneLine } from './text.js';

/** `decision` is reserved. */
export type GateKind = 'approval' | 'repair' | 'decision';

/** One of the answers that a gate takes. */
export interface GateChoice {
  id: string;
  label: string;
  /** What the choice needs besides itself. */
  needs?: 'to' | 'set' | 'input';
}

/** A role and how many of its people must agree. `members` undefined: anyone who can reach the server. */
export interface GateRole {
  role: string;
  quorum: number;
  members?: string[];
}

/** What a run carries of a counted decision's reason; the whole of it stands in the history. */
export const MAX_COUNTED_REASON = 200;

/** The decision of one approver that counts just now: an approver's latest one. */
export interface CountedDecision {
  approver: string;
  role: string;
  verdict: string;
  reason: string;
  route: DecisionRoute;
  at: string;
  nonce?: string;
}

/** How a gate was settled. `by` is empty when its deadline passed; `set` and `input` come with the choices that need them. */
export interface GateOutcome {
  verdict: string;
  by: string[];
  at: string;
  reason: string;
  to?: string;
  set?: Record<string, unknown>;
  input?: { name: string; artifact: string };
}

/** A question to people, as data. */
export interface Gate {
  id: string;
  kind: GateKind;
  stage: string;
  round: number;
  /** How often this gate was opened in this run, from 1. */
  opening: number;
  question: string;
  choices: GateChoice[];
  roles: GateRole[];
  excluded: string[];
  identity: 'asserted';
  openedAt: string;
  deadline: string;
  /** The verdict that stands when the deadline passes; never a consent. */
  onExpiry: 'reject' | 'stop';
  digests: DecisionDigests;
  /** What a person should know, line by line. */
  evidence: string[];
  /** The stages that a send-back may name. */
  stages: string[];
  counted: CountedDecision[];
  outcome?: GateOutcome;
}

/** Why a decision counts or was refused; pinned in the contract. */
export type DecisionCode =
  | 'accepted'
  | 'repeated'
  | 'replayed'
  | 'malformed'
  | 'unknown_gate'
  | 'not_open'
  | 'closed'
  | 'approver_missing'
  | 'unknown_approver'
  | 'not_in_role'
  | 'excluded'
  | 'one_role_only'
  | 'stale'
  | 'unknown_choice'
  | 'argument_missing'
  | 'unknown_stage'
  | 'unknown_parameter';

/** By role: how many have agreed, and how many must. */
export type Quorum = Record<string, { have: number; need: number }>;

/** What the sender of a decision is told. */
export interface DecisionAnswer {
  accepted: boolean;
  code: DecisionCode;
  reason: string;
  quorum: Quorum;
}

/** How far each of a gate's roles has come. */
export function quorumOf(gate: Gate): Quorum {
  return Object.fromEntries(
    gate.roles.map((role) => [role.role, { have: gate.counted.filter((d) => d.role === role.role && isConsent(gate, d.verdict)).length, need: role.quorum }]),
  );
}

/** Everything but a rejection moves a gate towards its quorum; a rejection closes it by itself. */
const isConsent = (gate: Gate, verdict: string): boolean => gate.kind !== 'approval' || verdict === 'approve';

const answer = (gate: Gate, code: DecisionCode, reason: string): DecisionAnswer => ({
  accepted: code === 'accepted',
  code,
  reason,
  quorum: quorumOf(gate),
});

/**
 * Judges a decision on an open gate: pure, so that the workflow, `publish` and the tests use the same rules.
 * The gate is returned anew when the decision counts.
 */
export function decideOn(gate: Gate, decision: Decision, now: string, route: DecisionRoute): { gate: Gate; answer: DecisionAnswer } {
  const refuse = (code: DecisionCode, reason: string): { gate: Gate; answer: DecisionAnswer } => ({ gate, answer: answer(gate, code, reason) });
  if (gate.outcome !== undefined) return refuse('closed', `the gate ${gate.id} was closed at ${gate.outcome.at} by ${gate.outcome.verdict}; this came too late`);
  if (now > gate.deadline) return refuse('closed', `the deadline of ${gate.id} was ${gate.deadline}; this came too late`);

  const choice = gate.choices.find((c) => c.id === decision.verdict);
  if (choice === undefined) return refuse('unknown_choice', `${gate.id} can be answered with ${gate.choices.map((c) => c.id).join(', ')}`);
  for (const key of ['model', 'evidence', 'policy'] as const) {
    const given = decision.digests[key];
    if (given !== undefined && given !== gate.digests[key])
      return refuse('stale', `the decision is about another ${key} (${given.slice(0, 19)}…) than the one that waits; look again with ferry status`);
  }

  const who = identify(gate, decision);
  if ('code' in who) return refuse(who.code, who.reason);
  if (decision.nonce !== undefined && gate.counted.some((d) => d.nonce === decision.nonce)) return refuse('replayed', 'this very decision was counted before');
  const earlier = gate.counted.find((d) => d.approver === who.approver);
  if (earlier !== undefined && earlier.verdict === decision.verdict && gate.kind === 'approval')
    return refuse('repeated', `${who.approver} gave this verdict at ${earlier.at}; it counts once`);
  if (earlier !== undefined && earlier.role !== who.role) return refuse('one_role_only', `${who.approver} decided as ${earlier.role} already; one person fills one role`);

  const argument = checkArgument(gate, choice, decision);
  if (argument !== undefined) return refuse(argument.code, argument.reason);

  const counted: CountedDecision = {
    approver: who.approver,
    role: who.role,
    verdict: decision.verdict,
    reason: oneLine(decision.reason, MAX_COUNTED_REASON),
    route,
    at: now,
    ...(decision.nonce === undefined ? {} : { nonce: decision.nonce }),
  };
  const next: Gate = { ...gate, counted: [...gate.counted.filter((d) => d.approver !== who.approver), counted] };
  const verdict = settled(next, decision);
  const closed = verdict === undefined ? next : { ...next, outcome: outcomeOf(next, decision, verdict, now) };
  return { gate: closed, answer: answer(closed, 'accepted', closed.outcome === undefined ? 'counted; more people are needed' : `counted; the gate is closed by ${verdict}`) };
}

type Who = { approver: string; role: string } | { code: DecisionCode; reason: string };

function identify(gate: Gate, decision: Decision): Who {
  const approver = decision.approver ?? soleMember(gate);
  if (approver === undefined) return { code: 'approver_missing', reason: 'more than one person could have sent this: say who, {"approver": NAME, "reason": TEXT}' };
  if (gate.excluded.includes(approver)) return { code: 'excluded', reason: `${approver} asked for this release and may not decide on it` };
  const roles = gate.roles.filter((r) => r.members === undefined || r.members.includes(approver));
  if (roles.length === 0) return { code: 'unknown_approver', reason: `${approver} is in none of the roles ${gate.roles.map((r) => r.role).join(', ')} of the worker's site file` };
  if (decision.role !== undefined) {
    const role = roles.find((r) => r.role === decision.role);
    return role === undefined
      ? { code: 'not_in_role', reason: `${approver} is not in the role ${oneLine(decision.role, 100)}, but in ${roles.map((r) => r.role).join(', ')}` }
      : { approver, role: role.role };
  }
  // Someone in several roles is counted where a person is still missing.
  const already = gate.counted.find((d) => d.approver === approver)?.role;
  const have = quorumOf(gate);
  const open = roles.find((r) => r.role === already) ?? roles.find((r) => (have[r.role]?.have ?? 0) < r.quorum) ?? roles[0];
  return open === undefined ? { code: 'not_in_role', reason: 'no role' } : { approver, role: open.role };
}

/** A signal without a name is taken for the only person who could have been asked; with two there is no telling. */
function soleMember(gate: Gate): string | undefined {
  const members = new Set(gate.roles.flatMap((r) => r.members ?? ['\u0000anyone', '\u0000anyone else']));
  return members.size === 1 ? [...members][0] : undefined;
}

function checkArgument(gate: Gate, choice: GateChoice, decision: Decision): { code: DecisionCode; reason: string } | undefined {
  // Refused here and not by the run alone: `publish` judges recorded decisions again and must refuse the same ones.
  if (choice.needs !== 'set' && Object.keys(decision.set ?? {}).length > 0) return { code: 'unknown_parameter', reason: `${choice.id} changes no parameters; send it without set` };
  if (choice.needs !== 'input' && decision.input !== undefined) return { code: 'unknown_parameter', reason: `${choice.id} replaces no input; send it without input` };
  if (decision.to !== undefined && !gate.stages.includes(decision.to))
    return { code: 'unknown_stage', reason: `the run can be sent back to ${gate.stages.join(', ') || 'no stage'}` };
  if (choice.needs === 'to' && decision.to === undefined) return { code: 'argument_missing', reason: `${choice.id} needs a stage: --to ${gate.stages.join('|')}` };
  if (choice.needs === 'set' && Object.keys(decision.set ?? {}).length === 0) return { code: 'argument_missing', reason: `${choice.id} needs --set NAME=VALUE` };
  if (choice.needs === 'input' && decision.input === undefined) return { code: 'argument_missing', reason: `${choice.id} needs --input NAME=DIGEST` };
  return undefined;
}

function settled(gate: Gate, decision: Decision): string | undefined {
  if (gate.kind !== 'approval') return decision.verdict;
  if (decision.verdict === 'reject') return 'reject';
  const quorum = Object.values(quorumOf(gate));
  return quorum.every((q) => q.have >= q.need) ? 'approve' : undefined;
}

function outcomeOf(gate: Gate, decision: Decision, verdict: string, at: string): GateOutcome {
  return {
    verdict,
    by: gate.counted.filter((d) => d.verdict === verdict || gate.kind !== 'approval').map((d) => d.approver),
    at,
    reason: oneLine(decision.reason, 300),
    ...(decision.to === undefined ? {} : { to: decision.to }),
    ...(decision.set === undefined || Object.keys(decision.set).length === 0 ? {} : { set: decision.set }),
    ...(decision.input === undefined ? {} : { input: decision.input }),
  };
}
