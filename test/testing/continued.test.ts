import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Rehearsal, RunScript } from '../../src/testing/index.js';
import { DAY_MS, WHOLE, rehearse } from './kit.js';

let env: Rehearsal;
beforeAll(async () => {
  env = await rehearse();
}, 300_000);
afterAll(() => env?.close());

const SCRIPT: RunScript = {
  jobs: { train: [{ runs: '10 days', progress: [{ at: '5 days', checkpoint: { step: 10 } }], ends: 'lost' }, { runs: '20 days' }] },
  gates: { approve: [{ after: '20 days', verdict: 'approve', approver: 'demo-manager' }] },
};

describe('a run that continues as new', () => {
  it.each([3_600_000])('at every wait, after %d ms, has the jobs, answers and times of one that does not', async (continueAsNewAfterMs) => {
    const whole = await (await env.start({ ...WHOLE, version: `whole-${continueAsNewAfterMs}` }, { id: `whole-${continueAsNewAfterMs}`, script: SCRIPT })).finished();
    const run = await env.start({ ...WHOLE, version: `continued-${continueAsNewAfterMs}` }, { id: `continued-${continueAsNewAfterMs}`, script: SCRIPT, rehearsal: { continueAsNewAfterMs } });
    const continued = await run.finished();
    const story = ({ jobs, answers, tookMs, state }: typeof whole): unknown => ({
      status: state.status,
      jobs: jobs.map(({ stage, server, attempt, backend, state: how, exitCode, resumedFrom, starts }) => ({ stage, server, attempt, backend, how, exitCode, resumedFrom, starts })),
      answers: answers.map(({ answer }) => answer.code),
      days: Math.round(tookMs / DAY_MS),
    });
    expect(story(continued)).toEqual(story(whole));
    expect((await run.handle.describe()).runId).not.toBe((await run.handle.fetchHistory()).events?.[0]?.workflowExecutionStartedEventAttributes?.firstExecutionRunId);
    // Whoever slept has given back what it took: the clock stands again.
    const before = await env.now();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await env.now()).getTime() - before.getTime()).toBeLessThan(5000);
  });
});
