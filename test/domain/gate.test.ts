import { describe, expect, it } from 'vitest';
import type { Decision } from '../../src/domain/decision.js';
import { decideOn, quorumOf, type DecisionCode } from '../../src/domain/gate.js';
import { approvalGate, approves, at, decideAll, decision, digest, frozen, repairGate } from './kit.js';

const TWO_ROLES = [
  { role: 'release-manager', quorum: 2, members: ['ana', 'bo', 'cy'] },
  { role: 'security', quorum: 1, members: ['cy', 'dee'] },
];

const codes = (gate = approvalGate(), decisions: Partial<Decision>[] = []): DecisionCode[] => decideAll(gate, decisions).answers.map((answer) => answer.code);

describe('an approval gate', () => {
  it('closes with the quorum of its role, and not before', () => {
    const roles = [{ role: 'release-manager', quorum: 2, members: ['ana', 'bo', 'cy'] }];
    const first = decideAll(approvalGate({ roles }), [{ approver: 'ana' }]);
    expect(first.gate.outcome).toBeUndefined();
    expect(first.answers[0]).toEqual({ accepted: true, code: 'accepted', reason: 'counted; more people are needed', quorum: { 'release-manager': { have: 1, need: 2 } } });
    const second = decideAll(approvalGate({ roles }), [{ approver: 'ana' }, { approver: 'cy', reason: 'good' }]);
    expect(second.gate.outcome).toEqual({ verdict: 'approve', by: ['ana', 'cy'], at: at(2), reason: 'good' });
    expect(second.answers[1]?.quorum).toEqual({ 'release-manager': { have: 2, need: 2 } });
  });

  it('needs the quorum of every role', () => {
    const { gate } = decideAll(approvalGate({ roles: TWO_ROLES }), [{ approver: 'ana' }, { approver: 'bo' }]);
    expect(gate.outcome).toBeUndefined();
    expect(decideOn(gate, approves('dee'), at(5), 'update').gate.outcome?.by).toEqual(['ana', 'bo', 'dee']);
  });

  it('counts a person of two roles in one of them only: where a person is missing, or where they say', () => {
    const { gate } = decideAll(approvalGate({ roles: TWO_ROLES }), [{ approver: 'cy' }]);
    expect(quorumOf(gate)).toEqual({ 'release-manager': { have: 1, need: 2 }, security: { have: 0, need: 1 } });
    const late = decideAll(approvalGate({ roles: TWO_ROLES }), [{ approver: 'ana' }, { approver: 'bo' }, { approver: 'cy' }]);
    expect(late.gate.outcome?.verdict).toBe('approve');
    const named = decideAll(approvalGate({ roles: TWO_ROLES }), [{ approver: 'cy', role: 'security' }]);
    expect(quorumOf(named.gate)).toMatchObject({ security: { have: 1 } });
    expect(codes(approvalGate({ roles: TWO_ROLES }), [{ approver: 'cy', role: 'security' }, { approver: 'cy', role: 'release-manager', verdict: 'reject' }])).toEqual(['accepted', 'one_role_only']);
    expect(codes(approvalGate({ roles: TWO_ROLES }), [{ approver: 'ana', role: 'security' }])).toEqual(['not_in_role']);
  });

  it('counts one person once, however often they say it', () => {
    const roles = [{ role: 'release-manager', quorum: 2, members: ['ana', 'bo'] }];
    const { gate, answers } = decideAll(approvalGate({ roles }), [{ approver: 'ana' }, { approver: 'ana' }, { approver: 'ana', nonce: 'another-one' }]);
    expect(answers.map((a) => a.code)).toEqual(['accepted', 'repeated', 'repeated']);
    expect(gate.outcome).toBeUndefined();
  });

  it('refuses the very same decision when it is sent again', () => {
    const roles = [{ role: 'release-manager', quorum: 2, members: ['ana', 'bo'] }];
    expect(codes(approvalGate({ roles }), [{ approver: 'ana', nonce: 'nonce-0001' }, { approver: 'ana', nonce: 'nonce-0001' }, { approver: 'bo', nonce: 'nonce-0001' }])).toEqual(['accepted', 'replayed', 'replayed']);
  });

  it('keeps the author of a release from deciding on it, whatever role the author has', () => {
    const gate = approvalGate({ excluded: ['ana'] });
    expect(codes(gate, [{ approver: 'ana' }, { approver: 'ana', verdict: 'reject' }])).toEqual(['excluded', 'excluded']);
    expect(codes(approvalGate({ excluded: ['eve'] }), [{ approver: 'eve' }])).toEqual(['excluded']);
  });

  it('lets the latest decision of an approver count: who approved may still reject', () => {
    const roles = [{ role: 'release-manager', quorum: 2, members: ['ana', 'bo'] }];
    const { gate, answers } = decideAll(approvalGate({ roles }), [{ approver: 'ana' }, { approver: 'ana', verdict: 'reject', reason: 'I saw the numbers' }, { approver: 'bo' }]);
    expect(answers.map((a) => a.code)).toEqual(['accepted', 'accepted', 'closed']);
    expect(gate.counted.map((d) => [d.approver, d.verdict])).toEqual([['ana', 'reject']]);
    expect(gate.outcome).toMatchObject({ verdict: 'reject', by: ['ana'], reason: 'I saw the numbers' });
  });

  it('is closed by one rejection, with the stage to go back to', () => {
    const { gate } = decideAll(approvalGate({ roles: TWO_ROLES }), [{ approver: 'ana' }, { approver: 'dee', verdict: 'reject', to: 'train' }]);
    expect(gate.outcome).toEqual({ verdict: 'reject', by: ['dee'], at: at(2), reason: '', to: 'train' });
  });

  it.each(['approve', 'reject'])('takes no parameters and no input with %s, which would change nothing', (verdict) => {
    const gate = approvalGate();
    expect(codes(gate, [{ approver: 'ana', verdict, set: { lr: 1 } }])).toEqual(['unknown_parameter']);
    expect(codes(gate, [{ approver: 'ana', verdict, input: { name: 'dataset', artifact: digest(1) } }])).toEqual(['unknown_parameter']);
    expect(decideAll(gate, [{ approver: 'ana', verdict, set: {} }]).gate.outcome).toEqual({ verdict, by: ['ana'], at: at(1), reason: '' });
  });

  it.each<[string, Partial<Decision>, DecisionCode]>([
    ['a stranger', { approver: 'mallory' }, 'unknown_approver'],
    ['a look-alike in Cyrillic', { approver: '\u0430na' }, 'unknown_approver'],
    ['another case', { approver: 'Ana' }, 'unknown_approver'],
    ['a member of the prototype', { approver: 'constructor' }, 'unknown_approver'],
    ['nobody, where several could be meant', {}, 'approver_missing'],
    ['a choice that the gate does not have', { approver: 'ana', verdict: 'maybe' }, 'unknown_choice'],
    ['a choice of another kind of gate', { approver: 'ana', verdict: 'retry' }, 'unknown_choice'],
    ['another model', { approver: 'ana', digests: { model: digest('other') } }, 'stale'],
    ['other evidence', { approver: 'ana', digests: { evidence: digest('other') } }, 'stale'],
    ['another policy', { approver: 'ana', digests: { policy: digest('other') } }, 'stale'],
    ['a stage that the run cannot go back to', { approver: 'ana', verdict: 'reject', to: 'publish' }, 'unknown_stage'],
  ])('refuses %s, and says with which code', (_what, fields, code) => {
    const gate = approvalGate();
    const result = decideOn(gate, decision(fields), at(1), 'signal');
    expect(result.answer).toMatchObject({ accepted: false, code });
    expect(result.answer.reason).not.toBe('');
    expect(result.gate).toBe(gate);
  });

  it('refuses what comes after its deadline or after its end', () => {
    const gate = approvalGate();
    expect(decideOn(gate, approves('ana'), gate.deadline, 'update').answer.code).toBe('accepted');
    expect(decideOn(gate, approves('ana'), at(601), 'update').answer.code).toBe('closed');
    expect(codes(gate, [{ approver: 'ana' }, { approver: 'bo' }])).toEqual(['accepted', 'closed']);
    const expired = approvalGate({ outcome: { verdict: 'reject', by: [], at: at(600), reason: 'nobody decided' } });
    expect(codes(expired, [{ approver: 'ana' }])).toEqual(['closed']);
  });

  it('takes a bare signal for its sole member, and for nobody where there are two, or anyone could be meant', () => {
    const sole = approvalGate({ roles: [{ role: 'release-manager', quorum: 1, members: ['ana'] }] });
    expect(decideOn(sole, decision({}), at(1), 'signal').gate.counted).toMatchObject([{ approver: 'ana', route: 'signal' }]);
    const twice = approvalGate({ roles: [{ role: 'a', quorum: 1, members: ['ana'] }, { role: 'b', quorum: 1, members: ['ana'] }] });
    expect(decideOn(twice, decision({}), at(1), 'signal').answer.code).toBe('accepted');
    const apart = approvalGate({ roles: [{ role: 'a', quorum: 1, members: ['ana'] }, { role: 'b', quorum: 1, members: ['bo'] }] });
    expect(decideOn(apart, decision({}), at(1), 'signal').answer.code).toBe('approver_missing');
    expect(decideOn(repairGate(), decision({ verdict: 'retry' }), at(1), 'signal').answer.code).toBe('approver_missing');
    expect(decideOn({ ...sole, excluded: ['ana'] }, decision({}), at(1), 'signal').answer.code).toBe('excluded');
  });

  it('has no choice and no default that makes silence a consent', () => {
    expect(approvalGate().onExpiry).toBe('reject');
    expect(repairGate().onExpiry).toBe('stop');
    expect(quorumOf(approvalGate())).toEqual({ 'release-manager': { have: 0, need: 1 } });
  });

  it('changes neither the gate nor the decision that it judges', () => {
    const gate = frozen(approvalGate({ roles: TWO_ROLES }));
    const next = decideOn(gate, frozen(approves('ana')), at(1), 'update').gate;
    expect(next).not.toBe(gate);
    expect(() => decideOn(frozen(next), frozen(approves('bo')), at(2), 'update')).not.toThrow();
  });

  it('puts what people write on one line of bounded length', () => {
    const { gate } = decideAll(approvalGate(), [{ approver: 'ana', reason: `a\n\u202eb${'x'.repeat(1900)}` }]);
    expect(gate.outcome?.reason.length).toBe(300);
    expect(gate.counted[0]?.reason.length).toBe(200);
    expect(gate.outcome?.reason).toMatch(/^a bx+…$/);
  });
});

describe('a repair gate', () => {
  it.each<[Partial<Decision>, DecisionCode]>([
    [{ verdict: 'retry' }, 'accepted'],
    [{ verdict: 'retry', set: { lr: 0.01 } }, 'unknown_parameter'],
    [{ verdict: 'change', set: { lr: 0.01 }, input: { name: 'dataset', artifact: digest(1) } }, 'unknown_parameter'],
    [{ verdict: 'stop' }, 'accepted'],
    [{ verdict: 'change' }, 'argument_missing'],
    [{ verdict: 'change', set: {} }, 'argument_missing'],
    [{ verdict: 'change', set: { lr: 0.01 } }, 'accepted'],
    [{ verdict: 'replace_input' }, 'argument_missing'],
    [{ verdict: 'replace_input', input: { name: 'dataset', artifact: digest(1) } }, 'accepted'],
    [{ verdict: 'send_back' }, 'argument_missing'],
    [{ verdict: 'send_back', to: 'publish' }, 'unknown_stage'],
    [{ verdict: 'send_back', to: 'prepareData' }, 'accepted'],
    [{ verdict: 'approve' }, 'unknown_choice'],
  ])('answers %j with %s', (fields, code) => {
    const { gate, answers } = decideAll(repairGate(), [{ approver: 'ops', ...fields }]);
    expect(answers[0]?.code).toBe(code);
    expect(gate.outcome?.verdict).toBe(code === 'accepted' ? fields.verdict : undefined);
  });

  it('hands the choice on with its argument', () => {
    expect(decideAll(repairGate(), [{ approver: 'ops', verdict: 'change', set: { lr: 0.01 }, reason: 'smaller' }]).gate.outcome).toEqual({ verdict: 'change', by: ['ops'], at: at(1), reason: 'smaller', set: { lr: 0.01 } });
  });

  it('asks the operators only, where the site names them', () => {
    const named = repairGate({ roles: [{ role: 'operator', quorum: 1, members: ['ops'] }] });
    expect(codes(named, [{ approver: 'eve', verdict: 'retry' }])).toEqual(['unknown_approver']);
    expect(codes(named, [{ approver: 'ops', verdict: 'retry' }])).toEqual(['accepted']);
  });
});
