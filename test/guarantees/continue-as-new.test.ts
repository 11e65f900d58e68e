import { setTimeout as delay } from 'node:timers/promises';
import { defaultPayloadConverter } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunInput } from '../../src/domain/run-input.js';
import type { RunState } from '../../src/domain/run-state.js';
import type { RunSpecInput } from '../../src/domain/spec.js';
import { makes, shellJob, startStack, startsByKey, until, type Stack, type WorkerProcess } from '../support/stack.js';

let stack: Stack;
let worker: WorkerProcess;
beforeAll(async () => {
  stack = await startStack();
  worker = await stack.startWorker();
}, 180_000);
afterAll(async () => {
  await worker?.drain();
  await stack?.stop();
});

const FAST = { backoff: '300 ms', failures: 2 };
const SPEC: RunSpecInput = {
  schema: 'modelferry.run/1',
  model: 'tiny',
  version: '1',
  stages: {
    preflight: {},
    prepareData: { job: shellJob(makes('dataset'), FAST) },
    train: {
      attempts: [shellJob('echo no luck; exit 1', { ...FAST, backend: 'ascend', simulated: true }), shellJob(`sleep 0.5; ${makes('checkpoint')}`, { ...FAST, backend: 'nvidia', simulated: true })],
    },
    convert: { job: shellJob('[ "$FERRY_ATTEMPT" -gt 1 ] || exit 78; ' + makes('model'), FAST) },
    approve: {},
    publish: {},
  },
};

/** Waits until the run was forced to continue as new at a wait: a server fires a short timer when it pleases. */
async function continuedAt(id: string, wait: string): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; await delay(200)) {
    const { events } = await stack.client.workflow.getHandle(id).fetchHistory();
    const payload = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0];
    const input = payload == null ? undefined : defaultPayloadConverter.fromPayload<RunInput>(payload);
    if (input?.rehearsal?.lastWait === wait) return;
  }
  throw new Error(`${id} did not continue as new at ${wait}`);
}

/** Takes a run through a repair gate and an approval gate, and returns its end. Each releases a version of its own. */
async function carry(id: string, continueAsNewAfterMs?: number): Promise<RunState> {
  const run = await stack.startRun(id, { ...SPEC, version: id }, continueAsNewAfterMs === undefined ? {} : { rehearsal: { continueAsNewAfterMs } });
  const latest = stack.client.workflow.getHandle(id);
  await until(latest, (s) => s.gates['repair.convert'] !== undefined, 120_000);
  if (continueAsNewAfterMs !== undefined) await continuedAt(id, 'gate:repair.convert:1');
  await latest.executeUpdate('decide', { args: [{ gate: 'repair.convert', verdict: 'retry', approver: 'alice', reason: 'again' }] });
  await until(latest, (s) => s.gates['approve'] !== undefined, 120_000);
  if (continueAsNewAfterMs !== undefined) await continuedAt(id, 'gate:approve:1');
  await latest.executeUpdate('decide', { args: [{ gate: 'approve', verdict: 'approve', approver: 'demo-manager', reason: 'good' }] });
  const { state } = (await latest.result()) as { state: RunState };
  expect(state.runUid).toBe(run.runUid);
  return state;
}

const outcome = (state: RunState): unknown => ({
  status: state.status,
  stages: state.order.map((name) => state.stages[name]).map((s) => [s?.name, s?.state, s?.attempts, s?.round, Object.values(s?.outputs ?? {}).map((o) => [o.kind, o.kind === 'release' ? 'its own' : o.digest])]),
  jobs: state.jobs.map((j) => [j.stage, j.attempt, j.backend, j.state, j.exitCode, j.starts]),
  notes: state.notes.map((n) => n.text),
  decisions: state.decisions.map((d) => [d.gate, d.verdict, d.code]),
});

async function executions(id: string): Promise<number> {
  let count = 0;
  let runId: string | null | undefined = (await stack.client.workflow.getHandle(id).describe()).runId;
  while (runId != null && runId !== '') {
    count += 1;
    const history = await stack.client.workflow.getHandle(id, runId).fetchHistory();
    runId = history.events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
  }
  return count;
}

describe('continue-as-new at every point where the workflow waits', () => {
  it('has the same outcome and the same number of starts as without', async () => {
    const plain = await carry('plain');
    expect(plain.status).toBe('completed');
    for (const [id, afterMs] of [['forced-at-once', 0], ['forced-while-waiting', 120]] as const) {
      const forced = await carry(id, afterMs);
      expect(outcome(forced)).toEqual(outcome(plain));
      expect(await executions(id)).toBeGreaterThan(afterMs === 0 ? 15 : 2);
    }
    const starts = await startsByKey(stack.records);
    expect(Object.values(starts).every((count) => count === 1)).toBe(true);
    expect(Object.keys(starts)).toHaveLength(3 * plain.jobs.length);
  }, 300_000);

  it('carries memo and search attributes over, so that the sweep and lists still know the run', async () => {
    const description = await stack.client.workflow.getHandle('forced-at-once').describe();
    expect(description.memo?.['runUid']).toMatch(/^forced-at-once-/);
    expect(description.searchAttributes).toMatchObject({ FerryStage: ['completed'], FerryVerdict: ['approve'] });
  });
});
