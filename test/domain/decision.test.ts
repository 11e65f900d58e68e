import { describe, expect, it } from 'vitest';
import { Decision, MAX_REASON, assertDecisionForm, parseSignal } from '../../src/domain/decision.js';
import { DIGESTS, at, digest } from './kit.js';

const WHOLE = { gate: 'approve', verdict: 'approve', approver: 'ana', role: 'release-manager', reason: 'good', digests: DIGESTS, nonce: '0123456789abcdef', at: at(1), to: 'train', envelope: { payloadType: 'x', signatures: [] } };

describe('the form of a decision', () => {
  it('is the payload of the contract, whole or with what is optional left out', () => {
    expect(Decision.parse(WHOLE)).toEqual(WHOLE);
    expect(Decision.parse({ verdict: 'retry' })).toEqual({ verdict: 'retry', reason: '', digests: {} });
    expect(Decision.parse({ verdict: 'change', set: { lr: 0.1 } }).set).toEqual({ lr: 0.1 });
    expect(Decision.parse({ verdict: 'replace_input', input: { name: 'dataset', artifact: digest(1) } }).input?.name).toBe('dataset');
  });

  it.each([
    ['no verdict', {}],
    ['an unknown field', { verdict: 'approve', weight: 2 }],
    ['a digest that is none', { verdict: 'approve', digests: { model: 'latest' } }],
    ['another digest than the three', { verdict: 'approve', digests: { code: digest(1) } }],
    ['a nonce that could be guessed', { verdict: 'approve', nonce: '1' }],
    ['a time that is none', { verdict: 'approve', at: 'yesterday' }],
    ['a name as long as a novel', { verdict: 'approve', approver: 'x'.repeat(101) }],
    ['a reason longer than is kept', { verdict: 'approve', reason: 'x'.repeat(MAX_REASON + 1) }],
    ['a number', 7],
    ['nothing', undefined],
    ['a list', [WHOLE]],
  ])('refuses %s', (_what, raw) => {
    expect(() => assertDecisionForm(raw)).toThrow(TypeError);
    expect(Decision.safeParse(raw).success).toBe(false);
  });
});

describe("the update's validator", () => {
  it('is synchronous: it throws, and never answers with a promise', () => {
    expect(assertDecisionForm(WHOLE)).toBeUndefined();
    expect(assertDecisionForm.constructor.name).toBe('Function');
    expect(() => assertDecisionForm({ verdict: 1 })).toThrow('not a decision: verdict:');
  });

  it('refuses ten megabytes of reason, envelope or parameters in no time', () => {
    const huge = 'x'.repeat(10_000_000);
    const began = process.cpuUsage();
    for (const raw of [{ verdict: 'approve', reason: huge }, { verdict: 'approve', envelope: huge }, { verdict: 'change', set: { a: huge } }, huge])
      expect(() => assertDecisionForm(raw)).toThrow('a decision of at most 16384 bytes');
    expect(process.cpuUsage(began).user / 1000).toBeLessThan(2000);
  });

  it('counts bytes, not characters', () => {
    expect(() => assertDecisionForm({ verdict: 'approve', reason: '模'.repeat(MAX_REASON) })).not.toThrow();
    expect(() => assertDecisionForm({ verdict: 'approve', envelope: '模'.repeat(6000) })).toThrow('at most 16384 bytes');
  });
});

describe('a signal', () => {
  it.each<[string, unknown, object]>([
    ['nothing at all', undefined, {}],
    ['null', null, {}],
    ['a bare reason', 'looks good', { reason: 'looks good' }],
    ['an empty text', '', {}],
    ['a name and a reason', { approver: 'ana', reason: 'good' }, { approver: 'ana', reason: 'good' }],
    ['a reason alone', { reason: 'good' }, { reason: 'good' }],
    ['the whole payload', WHOLE, WHOLE],
  ])('may carry %s', (_what, raw, fields) => {
    expect(parseSignal('approve', raw)).toEqual({ decision: { verdict: 'approve', reason: '', digests: {}, ...fields } });
  });

  it('means what its name says: the verdict in its payload must be the same', () => {
    expect(parseSignal('reject', 'not yet')).toMatchObject({ decision: { verdict: 'reject', reason: 'not yet' } });
    expect(parseSignal('approve', { verdict: 'reject' })).toEqual({ malformed: 'the signal approve carries another verdict' });
    expect(parseSignal('reject', { ...WHOLE })).toEqual({ malformed: 'the signal reject carries another verdict' });
    expect(parseSignal('approve', { verdict: 'retry' })).toHaveProperty('malformed');
  });

  it.each<[string, unknown]>([
    ['a number', 42],
    ['a truth', true],
    ['a list', ['ana']],
    ['an unknown field', { by: 'ana' }],
    ['ten megabytes', 'x'.repeat(10_000_000)],
    ['ten megabytes in a field', { reason: 'x'.repeat(10_000_000) }],
    ['a reason too long', 'x'.repeat(MAX_REASON + 1)],
    ['a forged prototype', JSON.parse('{"__proto__":{"approver":"ana"},"constructor":1}')],
  ])('that carries %s is malformed, and says so in a few words', (_what, raw) => {
    const parsed = parseSignal('approve', raw);
    expect(parsed).toHaveProperty('malformed');
    expect('malformed' in parsed && parsed.malformed.length).toBeLessThan(200);
  });
});
