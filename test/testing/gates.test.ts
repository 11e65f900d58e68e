import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Rehearsal, RunScript } from '../../src/testing/index.js';
import { DAY_MS, RELEASE, WHOLE, rehearse } from './kit.js';

let env: Rehearsal;
beforeAll(async () => {
  env = await rehearse({
    site: {
      schema: 'modelferry.site/1',
      approvers: ['ann', 'bob'].map((name) => ({ name, roles: ['release-manager'] })),
      approval: { roles: [{ role: 'release-manager', quorum: 2 }] },
    },
  });
}, 300_000);
afterAll(() => env?.close());

type Answers = NonNullable<NonNullable<RunScript['gates']>[string]>;
const approves = (approver: string, after: string): Answers[number] => ({ after, verdict: 'approve', approver, reason: 'figures checked' });

describe('people in a rehearsal', () => {
  it('approve a run that was parked for a month, each after their time', async () => {
    const run = await env.start(RELEASE, { id: 'parked', script: { gates: { approve: [approves('ann', '2 days'), approves('bob', '27 days')] } } });
    const { state, answers, tookMs } = await run.finished();
    expect(state.status).toBe('completed');
    expect(answers.map(({ at, answer }) => [Math.round((Date.parse(at) - Date.parse(state.gates['approve']?.openedAt ?? '')) / DAY_MS), answer.code])).toEqual([
      [2, 'accepted'],
      [29, 'accepted'],
    ]);
    expect(Math.round(tookMs / DAY_MS)).toBe(29);
  });

  it('who do not answer leave a gate to its deadline', async () => {
    const run = await env.start(RELEASE, { id: 'expired', script: { gates: { approve: [approves('ann', '3 days')] } } });
    const { state, tookMs } = await run.finished();
    expect(state).toMatchObject({ status: 'failed', stop: 'expired', gates: { approve: { counted: [{ approver: 'ann' }] } } });
    expect(Math.round(tookMs / DAY_MS)).toBe(30);
  });

  it('are refused as the run refuses them, and an answer after the end of the run is told as unused', async () => {
    const run = await env.start(RELEASE, { id: 'refused', script: { gates: { approve: [approves('mallory', '1 day'), { ...approves('ann', '1 day'), digests: { model: `sha256:${'0'.repeat(64)}` } }, approves('bob', '40 days')] } } });
    await expect(run.finished()).rejects.toMatchObject({ code: 'unused_script', message: expect.stringMatching(/\(failed\).*: gates\.approve\[2\]$/) });
    const { decisions } = await run.state();
    expect(decisions.map(({ approver, code }) => `${approver} ${code}`)).toEqual(['mallory unknown_approver', 'ann stale']);
  });

  it('send a run back, and answer the same gate when it opens again', async () => {
    const reject: Answers[number] = { after: '1 day', verdict: 'reject', approver: 'ann', reason: 'scales look wrong', to: 'convert' };
    const run = await env.start({ ...WHOLE, version: '2' }, { id: 'sent-back', script: { jobs: { convert: [{ runs: '1 hour' }, { runs: '2 hours' }] }, gates: { approve: [reject, approves('ann', '2 days'), approves('bob', '2 days')] } } });
    const { state, jobs } = await run.finished();
    expect(state).toMatchObject({ status: 'completed', round: 2 });
    expect(jobs.filter(({ stage }) => stage === 'convert').map(({ round, startedAt, endedAt }) => [round, (Date.parse(endedAt ?? '') - Date.parse(startedAt)) / 3_600_000])).toEqual([
      [1, 1],
      [2, 2],
    ]);
  });

  it('may also be played by the test itself, between two steps of the clock', async () => {
    const run = await env.start({ ...RELEASE, version: '3' }, { id: 'by-hand' });
    await expect.poll(async () => {
      await env.sleep('10 minutes');
      return Object.keys((await run.state()).gates);
    }, { timeout: 20_000 }).toEqual(['approve']);
    await env.sleep('7 days');
    await run.decide({ verdict: 'approve', approver: 'ann' });
    expect(await run.decide({ verdict: 'approve', approver: 'bob' })).toMatchObject({ accepted: true, code: 'accepted' });
    expect((await run.finished()).state.status).toBe('completed');
  });
});
