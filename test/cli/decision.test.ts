import { describe, expect, it } from 'vitest';
import { decisionLines } from '../../src/cli/decision.js';
import type { Decision } from '../../src/domain/decision.js';
import { WAITING, stateBy, viewOf } from './render/kit.js';

const decision = (digests: Decision['digests']): Decision => ({ verdict: 'approve', reason: 'ok', approver: 'ada', gate: 'approve', digests, nonce: '11111111-2222-4333-8444-555555555555' });

describe('what is shown before a decision is sent', () => {
  it('names every digest once', () => {
    const view = viewOf(WAITING);
    const wait = view.waitingOn[0];
    const digests = wait?.digests ?? {};
    const text = decisionLines(view, wait, decision(digests), { color: false }).join('\n');
    for (const digest of Object.values(digests)) expect(text.split(digest)).toHaveLength(2);
    expect(text).toContain('quality 0.81, the rival 0.78');
  });

  it('says of a run that has ended just that', () => {
    const text = decisionLines(viewOf(stateBy([9, { type: 'ended', status: 'completed' }])), undefined, decision({}), { color: false }).join('\n');
    expect(text).toContain('the run has ended (completed)');
    expect(text).not.toContain('not bound');
    expect(decisionLines(viewOf(stateBy()), undefined, decision({}), { color: false }).join('\n')).toContain('not bound to digests');
  });
});
