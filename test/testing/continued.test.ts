import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Rehearsal, RehearsalRun, RunScript } from '../../src/testing/index.js';
import { DAY_MS, TRAINING, WHOLE, job, rehearse } from './kit.js';

type Jobs = NonNullable<RunScript['jobs']>[string];

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
  it.each([0, 3_600_000])('at every wait, after %d ms, has the jobs, answers and times of one that does not', async (continueAsNewAfterMs) => {
    const whole = await (await env.start({ ...WHOLE, version: `whole-${continueAsNewAfterMs}` }, { id: `whole-${continueAsNewAfterMs}`, script: SCRIPT })).finished();
    const run = await env.start({ ...WHOLE, version: `continued-${continueAsNewAfterMs}` }, { id: `continued-${continueAsNewAfterMs}`, script: SCRIPT, rehearsal: { continueAsNewAfterMs } });
    const continued = await run.finished();
    const story = ({ jobs, answers, tookMs, state }: typeof whole): unknown => ({
      status: state.status,
      // Two servers start in the same moment, in either order.
      jobs: jobs.map(({ stage, server = '', attempt, backend, state: how, exitCode = '-', resumedFrom = 'the start', starts }) => `${stage} ${server} ${attempt} on ${backend} ${how} ${exitCode} from ${resumedFrom}, ${starts}`).sort(),
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

  it('because its history is long, has the attempts of one that does not', async () => {
    const train = { attempts: [job({ failures: 20 })] };
    // Each of them goes on from a checkpoint of its own, so that none of them spends the budget.
    const failing: Jobs = Array.from({ length: 19 }, (_, i) => ({ runs: '2 days', progress: [{ at: '1 day', step: i + 1, checkpoint: { step: i + 1 } }], ends: { exit: 1, says: 'HCCL timeout' } }));
    const script: RunScript = { jobs: { train: [...failing, { runs: '2 days' }] } };
    const spec = { ...TRAINING, stages: { train } };
    const whole = await (await env.start(spec, { id: 'never-long', script })).finished();
    const short = await rehearse({ site: { schema: 'modelferry.site/1', approvers: [{ name: 'demo-manager', roles: ['release-manager'] }], limits: { maxHistoryEvents: 100 } } });
    try {
      const run = await short.start(spec, { id: 'often-long', script });
      const continued = await run.finished();
      const story = ({ jobs, state, tookMs }: typeof whole): unknown => [state.status, state.stages['train']?.attempts, Math.round(tookMs / DAY_MS), jobs.map(({ attempt, exitCode, resumedFrom, starts }) => [attempt, exitCode, resumedFrom, starts])];
      expect(story(continued)).toEqual(story(whole));
      expect(continued.jobs).toHaveLength(20);
      expect(await executionsOf(short, run)).toBeGreaterThan(2);
    } finally {
      await short.close();
    }
  });
});

/** How many executions a run has had. */
async function executionsOf(rehearsal: Rehearsal, { handle }: RehearsalRun): Promise<number> {
  let count = 0;
  let runId: string | undefined = (await handle.describe()).runId;
  for (; runId !== undefined; count++) {
    const history: Awaited<ReturnType<typeof handle.fetchHistory>> = await rehearsal.client.workflow.getHandle(handle.workflowId, runId).fetchHistory();
    runId = history.events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId || undefined;
  }
  return count;
}
