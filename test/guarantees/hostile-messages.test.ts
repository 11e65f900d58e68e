import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pidExists } from '../../src/client/home.js';
import type { RunState } from '../../src/domain/run-state.js';
import type { RunSpecInput } from '../../src/domain/spec.js';
import type { SweepResult } from '../../src/domain/sweep.js';
import { makes, shellJob, startStack, until, type Stack, type WorkerProcess } from '../support/stack.js';

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

const base = { schema: 'modelferry.run/1', model: 'tiny', version: '1' } as const;
const RELEASE: RunSpecInput = { ...base, stages: { train: { attempts: [shellJob(makes('checkpoint'))] }, convert: { job: shellJob(makes('model')) }, approve: {}, publish: {} } };
const endless = (grace: string): RunSpecInput => ({ ...base, stages: { train: { attempts: [shellJob('trap "" TERM; while true; do sleep 0.2 || true; done', { grace })] } } });

/** A signal as any client may send it, whatever its bytes. */
async function signalRaw(id: string, encoding: string, data: string): Promise<void> {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  await stack.client.workflowService.signalWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: id },
    signalName: 'approve',
    input: { payloads: [{ metadata: { encoding: bytes(encoding) }, data: bytes(data) }] },
  });
}

describe('a signal whose payload can not be decoded', () => {
  it('is refused when it is none, taken as a reason when it is a text without quotes, and never stops the run', async () => {
    const run = await stack.startRun('undecodable', RELEASE);
    await until(run, (s) => s.gates['approve'] !== undefined);
    await signalRaw('undecodable', 'json/protobuf', '{}');
    await signalRaw('undecodable', 'binary/encrypted', '\u0000\u0001');
    const refused = await until(run, (s) => s.decisionCount === 2);
    expect(refused.decisions.map((d) => d.code)).toEqual(['malformed', 'malformed']);
    await signalRaw('undecodable', 'json/plain', 'fine by me');
    const { state } = (await run.result()) as { state: RunState };
    expect(state.gates['approve']?.counted).toMatchObject([{ approver: 'demo-manager', reason: 'fine by me' }]);
    // Publish reads the same messages from the history and must not fall over them either.
    expect(state.release?.ref).toMatch(/^oci:.*\/releases\/tiny:1@sha256:/);
  });
});

describe('a message while a cancelled run stops its job', () => {
  it('is answered as too late, and the run closes only when the job is gone', async () => {
    const run = await stack.startRun('late-signal', endless('4 seconds'));
    const pid = (await until(run, (s) => s.jobs[0]?.handle !== undefined)).jobs[0]?.handle?.pid ?? 0;
    await run.cancel();
    await delay(800);
    await run.signal('approve', 'too late');
    expect(await run.executeUpdate('decide', { args: [{ verdict: 'approve', approver: 'demo-manager', reason: '' }] })).toMatchObject({ accepted: false, code: 'closed' });
    expect(pidExists(pid)).toBe(true);
    await expect(run.result()).rejects.toThrow(WorkflowFailedError);
    expect(pidExists(pid)).toBe(false);
    expect(await run.query<RunState, []>('state')).toMatchObject({ status: 'cancelled', jobs: [{ state: 'cancelled' }], decisionCount: 2 });
  });
});

describe('a run that was not started by ferry', () => {
  it('keeps its job through a sweep', async () => {
    const handle = await stack.client.workflow.start('trainAlone', { workflowId: 'by-hand', taskQueue: 'ferry', args: [{ v: 1, runUid: 'by-hand-000', spec: endless('1 second'), requestedBy: 'alice' }] });
    const state = await until(handle, (s) => s.jobs[0]?.handle !== undefined);
    const sweep = await stack.client.workflow.execute<(request: unknown) => Promise<SweepResult>>('sweepJobs', { workflowId: 'sweep-by-hand', taskQueue: 'ferry', args: [{ dryRun: false, listOnly: false }] });
    expect(sweep.jobs.map((job) => job.run)).toContain('by-hand');
    expect(sweep.ended).toEqual([]);
    expect(pidExists(state.jobs[0]?.handle?.pid ?? 0)).toBe(true);
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
  });

  it.each([
    ['inputs that its spec does not name', { inputs: { model: { kind: 'model', uri: 'store://x', digest: `sha256:${'1'.repeat(64)}`, bytes: 1 } } }],
    ['code that its spec does not name', { code: { kind: 'code', uri: 'store://x', digest: `sha256:${'1'.repeat(64)}`, bytes: 1 } }],
    ['a uid that leaves the job directory', { runUid: '../../../etc' }],
  ])('is refused when it brings %s', async (what, extra) => {
    const run = await stack.startRun(`hostile-${what.length}`, RELEASE, extra);
    await expect(run.result()).rejects.toMatchObject({ cause: { type: 'spec_invalid' } });
  });
});

describe('a retry at a repair gate', () => {
  it('takes up the attempt that was being submitted, on its own backend, instead of beginning the ladder anew', async () => {
    const rung = (script: string, extra: Record<string, unknown>): ReturnType<typeof shellJob> => shellJob(script, { failures: 1, backoff: '100 ms', simulated: true, ...extra });
    const spec: RunSpecInput = { ...base, stages: { train: { attempts: [rung('exit 1', { backend: 'ascend' }), rung('true', { backend: 'nvidia', env: { TOKEN: { secret: 'missing' } } })] } } };
    const run = await stack.startRun('second-rung', spec);
    const first = await until(run, (s) => s.gates['repair.train'] !== undefined);
    expect(first.jobs.map((job) => [job.backend, job.state])).toEqual([['ascend', 'failed'], ['nvidia', 'placed']]);
    await run.executeUpdate('decide', { args: [{ verdict: 'retry', approver: 'alice', reason: 'the secret is there now' }] });
    const second = await until(run, (s) => s.gates['repair.train']?.opening === 2);
    expect(second.jobs.map((job) => [job.backend, job.attempt])).toEqual([['ascend', 1], ['nvidia', 2]]);
    expect(second.stages['train']?.ladder?.index).toBe(1);
    await run.executeUpdate('decide', { args: [{ verdict: 'stop', approver: 'alice', reason: 'enough' }] });
    await expect(run.result()).rejects.toMatchObject({ cause: { type: 'stopped', details: [{ jobs: [{}, { state: 'cancelled' }] }] } });
  });
});
