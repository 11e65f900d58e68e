import { describe, expect, it } from 'vitest';
import { approvalDigests, excludedFrom, requestersOf, unproved, type ApprovalSubject, type RecordedMessage } from '../../src/domain/approval.js';
import { decideOn, type Gate } from '../../src/domain/gate.js';
import { parseSignal, type Decision, type DecisionRoute } from '../../src/domain/decision.js';
import { approvalGate, approves, artifact, at, decision, digest } from './kit.js';

const SUBJECT: ApprovalSubject = {
  model: artifact('model'),
  evidence: { quality: artifact('quality', 'evaluation'), validation: artifact('validation') },
  roles: [
    { role: 'release-manager', quorum: 2, members: ['ana', 'bo', 'cy'] },
    { role: 'security', quorum: 1, members: ['dee', 'ana'] },
  ],
  excluded: ['ed'],
  identity: 'asserted',
};

interface Told {
  fields: Partial<Decision>;
  route?: DecisionRoute;
}

/** A gate that people closed, and what the server recorded while they did. */
function decided(told: readonly Told[], subject = SUBJECT): { gate: Gate; messages: RecordedMessage[] } {
  let gate = approvalGate({ roles: subject.roles, excluded: subject.excluded, digests: approvalDigests(subject) });
  const messages: RecordedMessage[] = [];
  for (const [i, { fields, route = 'update' }] of told.entries()) {
    gate = decideOn(gate, decision(fields), at(i + 1), route).gate;
    messages.push({ name: route === 'update' ? 'decide' : (fields.verdict ?? 'approve'), route, payload: { verdict: 'approve', ...fields }, at: at(i + 1) });
  }
  return { gate, messages };
}

const FULL: Told[] = [{ fields: { approver: 'ana', reason: 'fine' } }, { fields: { approver: 'bo' }, route: 'signal' }, { fields: { approver: 'dee', nonce: 'nonce-0001', digests: approvalDigests(SUBJECT) } }];

describe('the digests of an approval', () => {
  it('change with the model, each result and its name, the roles, quorums and members, and who is excluded', () => {
    const base = approvalDigests(SUBJECT);
    expect(approvalDigests({ ...SUBJECT })).toEqual(base);
    expect(approvalDigests({ ...SUBJECT, model: artifact('other') }).model).not.toBe(base.model);
    const others: ApprovalSubject['evidence'][] = [{}, { quality: artifact('quality') }, { ...SUBJECT.evidence, validation: artifact('other') }, { a: artifact('quality'), validation: artifact('validation') }];
    for (const evidence of others)
      expect(approvalDigests({ ...SUBJECT, evidence }).evidence).not.toBe(base.evidence);
    for (const change of [{ excluded: [] }, { roles: SUBJECT.roles.slice(1) }, { roles: SUBJECT.roles.map((r) => ({ ...r, quorum: 1 })) }, { roles: SUBJECT.roles.map((r) => ({ ...r, members: [...(r.members ?? []), 'eve'] })) }])
      expect(approvalDigests({ ...SUBJECT, ...change }).policy).not.toBe(base.policy);
  });
});

describe('those who asked for a release', () => {
  it('are its author, who started it, and those of the runs before it; none of them may approve', () => {
    expect(requestersOf({}, { requestedBy: 'bob' })).toEqual(['bob']);
    const all = requestersOf({ author: 'ed' }, { requestedBy: 'bob', resume: { requesters: ['alice', 'ed'] } });
    expect(all).toEqual(['ed', 'bob', 'alice']);
    expect(excludedFrom({ approval: { excludeAuthor: true } }, [...all, 'bob'])).toEqual(['alice', 'bob', 'ed']);
    expect(excludedFrom({ approval: { excludeAuthor: false } }, all)).toEqual([]);
  });
});

describe('the proof of an approval', () => {
  it('holds when each counted decision stands among the recorded messages', () => {
    const { gate, messages } = decided(FULL);
    expect(gate.outcome?.verdict).toBe('approve');
    expect(unproved(gate, SUBJECT, messages)).toEqual([]);
  });

  it('holds for a bare signal of a sole member', () => {
    const subject = { ...SUBJECT, roles: [{ role: 'release-manager', quorum: 1, members: ['ana'] }] };
    const { gate } = decided([{ fields: {}, route: 'signal' }], subject);
    const bare = { name: 'approve', route: 'signal', at: at(1) } as const;
    expect(unproved(gate, subject, [{ ...bare, payload: undefined }])).toEqual([]);
    expect(unproved(gate, subject, [{ ...bare, payload: 'another reason' }])).not.toEqual([]);
    expect(parseSignal('approve', undefined)).toHaveProperty('decision');
  });

  it('fails for decisions that the run made up', () => {
    const { gate, messages } = decided(FULL);
    expect(unproved(gate, SUBJECT, [])).toHaveLength(5);
    expect(unproved(gate, SUBJECT, messages.slice(1)).join()).toContain('no message of ana with the verdict approve stands');
    expect(unproved({ ...gate, counted: [] }, SUBJECT, messages)).toEqual(['release-manager: 0 of 2 approvals are proved', 'security: 0 of 1 approvals are proved']);
  });

  it.each<[string, (gate: Gate) => Gate, string]>([
    ['another model', (gate) => ({ ...gate, digests: { ...gate.digests, model: digest('other') } }), 'about another model'],
    ['other evidence', (gate) => ({ ...gate, digests: { ...gate.digests, evidence: digest('other') } }), 'about another evidence'],
    ['a softer policy', (gate) => ({ ...gate, digests: { ...gate.digests, policy: digest('other') } }), 'about another policy'],
    ['no digests', (gate) => ({ ...gate, digests: {} }), 'instead of'],
    ['a gate that is open', (gate) => ({ ...gate, outcome: undefined }), 'was not closed by an approval'],
    ['a gate that a rejection closed', (gate) => ({ ...gate, outcome: { verdict: 'reject', by: ['ana'], at: at(3), reason: '' } }), 'was not closed by an approval'],
    ['a stranger among the counted', (gate) => ({ ...gate, counted: gate.counted.map((d) => (d.approver === 'bo' ? { ...d, approver: 'eve' } : d)) }), 'eve is not in the role release-manager'],
    ['a role that the site does not have', (gate) => ({ ...gate, counted: gate.counted.map((d) => (d.approver === 'bo' ? { ...d, role: 'king' } : d)) }), 'bo is not in the role king'],
    ['the author', (gate) => ({ ...gate, counted: [...gate.counted, { approver: 'ed', role: 'security', verdict: 'approve', reason: '', route: 'update', at: at(2) }] }), 'ed asked for this release'],
    ['one person in two seats', (gate) => ({ ...gate, counted: gate.counted.map((d) => (d.approver === 'dee' ? { ...d, approver: 'ana', nonce: undefined, reason: 'fine' } : d)) }), 'security: 0 of 1'],
    ['a rejection counted as an approval', (gate) => ({ ...gate, counted: gate.counted.map((d) => (d.approver === 'bo' ? { ...d, verdict: 'reject' } : d)) }), 'no message of bo with the verdict reject'],
  ])('fails for %s', (_what, forge, problem) => {
    const { gate, messages } = decided(FULL);
    expect(unproved(forge(gate), SUBJECT, messages).join('; ')).toContain(problem);
  });

  it.each<[string, Partial<RecordedMessage> & { fields?: Partial<Decision> }]>([
    ['came before the gate opened', { at: at(-1) }],
    ['came another way', { route: 'signal', name: 'approve' }],
    ['is another update', { name: 'nudge' }],
    ['is about another gate', { fields: { gate: 'repair.train' } }],
    ['says another name', { fields: { approver: 'bo' } }],
    ['is for another role', { fields: { role: 'security' } }],
    ['has another nonce', { fields: { nonce: 'nonce-9999' } }],
    ['has another reason', { fields: { reason: 'under protest' } }],
    ['approved another model', { fields: { digests: { model: digest('other') } } }],
    ['approved other evidence', { fields: { digests: { evidence: digest('other') } } }],
    ['is no decision', { payload: 'approve' }],
  ])('fails when the only message %s', (_what, { fields, ...change }) => {
    const { gate, messages } = decided(FULL);
    const [first, ...rest] = messages;
    const payload = { verdict: 'approve', approver: 'ana', reason: 'fine', ...fields };
    expect(unproved(gate, SUBJECT, [{ ...(first as RecordedMessage), payload, ...change }, ...rest])).toEqual(expect.arrayContaining(['no message of ana with the verdict approve stands in the run\'s history', expect.stringMatching(/^release-manager: [01] of 2 approvals are proved$/)]));
  });

  it('fails when somebody rejected it while the gate was open, whatever the run says', () => {
    const { gate, messages } = decided(FULL);
    const no: RecordedMessage = { name: 'reject', route: 'signal', payload: { approver: 'bo', reason: 'no' }, at: at(2) };
    expect(unproved(gate, SUBJECT, [messages[0] as RecordedMessage, no, ...messages.slice(1)])).toContain('bo rejected it');
    expect(unproved(gate, SUBJECT, [...messages, { ...no, at: at(9) }])).toEqual([]);
  });

  it('holds when the only rejection was refused by the run, for what it brought along', () => {
    const no: Partial<Decision> = { approver: 'bo', verdict: 'reject', set: { momentum: 1 } };
    const { gate, messages } = decided([{ fields: no }, { fields: { ...no, set: undefined, input: { name: 'weights', artifact: digest('w') } } }, ...FULL]);
    expect(gate.outcome?.verdict).toBe('approve');
    expect(unproved(gate, SUBJECT, messages)).toEqual([]);
  });

  it('takes roles and members from its own site, not from the gate', () => {
    const lax = { ...SUBJECT, roles: [{ role: 'release-manager', quorum: 1, members: ['eve'] }] };
    const { gate } = decided([{ fields: { approver: 'eve' } }], lax);
    const problems = unproved({ ...gate, digests: approvalDigests(SUBJECT) }, SUBJECT, [{ name: 'decide', route: 'update', payload: approves('eve'), at: at(1) }]);
    expect(problems).toEqual(['eve is not in the role release-manager', 'release-manager: 0 of 2 approvals are proved', 'security: 0 of 1 approvals are proved']);
  });
});
