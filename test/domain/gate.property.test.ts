import { describe, expect, it } from 'vitest';
import type { Decision } from '../../src/domain/decision.js';
import { decideOn, type Gate, type GateRole } from '../../src/domain/gate.js';
import { DIGESTS, approvalGate, at, digest, pick, seeded } from './kit.js';

const PEOPLE = ['ana', 'bo', 'cy', 'dee', 'eve'];
const OTHER = { model: digest('other') };
const SEQUENCES = 20_000;

interface Sent {
  decision: Decision;
  minute: number;
}

function randomGate(random: () => number): Gate {
  const roles: GateRole[] = ['manager', 'security', 'legal'].slice(0, 1 + Math.floor(random() * 3)).map((role) => ({
    role,
    quorum: 1 + Math.floor(random() * 3),
    members: PEOPLE.filter(() => random() < 0.6),
  }));
  return approvalGate({ roles, excluded: random() < 0.5 ? [pick(random, PEOPLE)] : [], deadline: at(12) });
}

function randomDecision(random: () => number, gate: Gate): Decision {
  // Not parsed by the schema, which would take most of the time.
  return {
    reason: '',
    verdict: random() < 0.8 ? 'approve' : pick(random, ['reject', 'maybe', 'retry']),
    ...(random() < 0.95 ? { approver: pick(random, [...PEOPLE, ...PEOPLE, 'mallory']) } : {}),
    ...(random() < 0.3 ? { role: pick(random, [...gate.roles.map((r) => r.role), 'king']) } : {}),
    digests: random() < 0.7 ? {} : random() < 0.7 ? DIGESTS : OTHER,
    ...(random() < 0.3 ? { nonce: `nonce-000${Math.floor(random() * 3)}` } : {}),
  };
}

/**
 * The rules, stated without the reducer: who could have been counted at all? A full quorum must be found among distinct
 * people who sent an approval in time, of this very model, for a role that they have, and did not take it back.
 */
function couldBeApproved(gate: Gate, sent: readonly Sent[]): boolean {
  const able = new Map<string, string[]>();
  for (const { decision: d, minute } of sent) {
    const people = d.approver === undefined ? [...new Set(gate.roles.flatMap((r) => r.members ?? []))] : [d.approver];
    const [person] = people;
    if (person === undefined || people.length > 1 || d.verdict !== 'approve' || at(minute) > gate.deadline || gate.excluded.includes(person)) continue;
    if (Object.entries(d.digests).some(([key, value]) => value !== gate.digests[key as 'model'])) continue;
    const roles = gate.roles.filter((r) => r.members?.includes(person) === true && (d.role === undefined || d.role === r.role)).map((r) => r.role);
    if (roles.length > 0) able.set(person, [...new Set([...(able.get(person) ?? []), ...roles])]);
  }
  const seats = gate.roles.flatMap((r) => Array.from({ length: r.quorum }, () => r.role));
  const fill = (at: number, free: ReadonlySet<string>): boolean =>
    at === seats.length || [...free].some((person) => able.get(person)?.includes(seats[at] ?? '') === true && fill(at + 1, new Set([...free].filter((p) => p !== person))));
  return fill(0, new Set(able.keys()));
}

describe('a gate under random sequences of decisions', () => {
  it('is never approved without a full quorum of distinct people who may decide, and keeps its other promises', () => {
    const random = seeded(20260101);
    let approved = 0;
    let rejected = 0;
    for (let sequence = 0; sequence < SEQUENCES; sequence++) {
      let gate = randomGate(random);
      const sent: Sent[] = [];
      for (let minute = 1, afterEnd = 0; minute <= 14 && afterEnd < 2; minute++, afterEnd += gate.outcome === undefined ? 0 : 1) {
        const one = randomDecision(random, gate);
        sent.push({ decision: one, minute });
        const before = gate;
        const { gate: after, answer } = decideOn(before, one, at(minute), random() < 0.5 ? 'update' : 'signal');
        const say = `sequence ${sequence}, minute ${minute}`;
        if (answer.accepted !== (answer.code === 'accepted')) expect.fail(`${say}: code and answer differ`);
        if (!answer.accepted && after !== before) expect.fail(`${say}: a refused decision changed the gate`);
        if (before.outcome !== undefined && after.outcome !== before.outcome) expect.fail(`${say}: an outcome changed`);
        const names = after.counted.map((d) => d.approver);
        if (new Set(names).size !== names.length) expect.fail(`${say}: a person is counted twice`);
        gate = after;
      }
      if (gate.outcome?.verdict === 'approve') {
        approved++;
        if (!couldBeApproved(gate, sent)) expect.fail(`sequence ${sequence}: approved without a quorum: ${JSON.stringify({ gate, sent })}`);
        if (gate.counted.some((d) => d.verdict !== 'approve')) expect.fail(`sequence ${sequence}: approved over a rejection`);
      } else if (gate.outcome !== undefined) {
        rejected++;
        const by = gate.outcome.by[0] ?? '';
        if (gate.outcome.verdict !== 'reject' || gate.excluded.includes(by) || !gate.roles.some((r) => r.members?.includes(by) === true)) expect.fail(`sequence ${sequence}: closed by ${by}, who may not`);
      }
    }
    // Both ends must be reached often, or the check above would check nothing.
    expect(approved).toBeGreaterThan(SEQUENCES / 20);
    expect(rejected).toBeGreaterThan(SEQUENCES / 20);
  }, 60_000);
});
