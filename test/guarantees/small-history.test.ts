import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunState } from '../../src/domain/run-state.js';
import { makes, shellJob, startStack, type Stack, type WorkerProcess } from '../support/stack.js';

/** A day-long job costs as many: only then can a run of weeks stay within one history. */
const MAX_EVENTS = 25;

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

/** A run of one job that reports a step every half second; what its end says, and its history's events by type. */
async function runFor(seconds: number): Promise<{ state: RunState; events: string[] }> {
  const report = `i=0; while [ $i -lt ${seconds * 2} ]; do i=$((i+1)); echo "{\\"step\\":$i,\\"metrics\\":{\\"loss\\":0.$i}}" >> "$FERRY_PROGRESS_FILE"; sleep 0.5; done`;
  const run = await stack.startRun(`for-${seconds}-s`, {
    schema: 'modelferry.run/1',
    model: 'tiny',
    version: '1',
    stages: { prepareData: { job: shellJob(`${report}; ${makes('dataset')}`) } },
  });
  const { state } = (await run.result()) as { state: RunState };
  const { events } = await run.fetchHistory();
  return { state, events: (events ?? []).map((event) => String(event.eventType)) };
}

describe('the history of a run', () => {
  it('has 25 events or fewer for a job that reports progress, and not one more when the job takes ten times as long', async () => {
    const [short, long] = await Promise.all([runFor(2), runFor(20)]);
    for (const [{ state }, steps] of [[short, 4], [long, 40]] as const) {
      expect(state.status).toBe('completed');
      expect(state.jobs[0]?.progress?.step, 'the progress was seen').toBe(steps);
    }
    expect(long.events.length).toBeLessThanOrEqual(MAX_EVENTS);
    expect(long.events).toEqual(short.events);
  });
});
