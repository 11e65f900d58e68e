import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DecisionAnswer } from '../../src/domain/gate.js';
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

const FAST = { backoff: '100 ms', failures: 2 };
const base = { schema: 'modelferry.run/1', model: 'tiny', version: '1' } as const;

const decide = async (id: string, decision: Record<string, unknown>): Promise<DecisionAnswer> =>
  await stack.client.workflow.getHandle(id).executeUpdate<DecisionAnswer, [unknown]>('decide', { args: [{ approver: 'alice', reason: 'mend it', ...decision }] });

describe('a stage that fails for good', () => {
  it('opens the gate repair, and after a retry with a changed parameter the run completes without redoing what was done', async () => {
    const spec: RunSpecInput = {
      ...base,
      stages: {
        prepareData: { job: shellJob(makes('dataset'), FAST) },
        train: { attempts: [shellJob(makes('checkpoint'), FAST)] },
        convert: { job: shellJob(`grep -q '"bf16"' "$FERRY_PARAMS_FILE" || { echo 'unknown dtype bf61' >&2; exit 78; }; ${makes('model')}`, { ...FAST, params: { dtype: 'bf61' } }) },
      },
    };
    const run = await stack.startRun('typo', spec);
    const waiting = await until(run, (s) => s.gates['repair.convert'] !== undefined);
    expect(waiting.failure).toMatchObject({ kind: 'user_error', rootLine: 'unknown dtype bf61', owner: 'requester' });
    expect(waiting.stages['convert']).toMatchObject({ state: 'waiting', attempts: 1 });
    expect(waiting.gates['repair.convert']?.choices.map((c) => c.id)).toEqual(['retry', 'change', 'replace_input', 'send_back', 'stop']);

    expect(await decide('typo', { verdict: 'change', set: { dtyp: 'bf16' } })).toMatchObject({ accepted: false, code: 'unknown_parameter', reason: expect.stringContaining('did you mean dtype?') });
    expect(await decide('typo', { verdict: 'change' })).toMatchObject({ accepted: false, code: 'argument_missing' });
    expect(await decide('typo', { verdict: 'change', set: { dtype: 'bf16' } })).toMatchObject({ accepted: true });

    const { state } = (await run.result()) as { state: RunState };
    expect(state.status).toBe('completed');
    expect(state.jobs.map((job) => [job.stage, job.attempt])).toEqual([['prepareData', 1], ['train', 1], ['convert', 1], ['convert', 2]]);
    expect(state.overrides).toEqual({ 'stages.convert.params.dtype': 'bf16' });
    const starts = await startsByKey(stack.records);
    expect(Object.entries(starts).filter(([key]) => key.includes(run.runUid)).map(([, count]) => count)).toEqual([1, 1, 1, 1]);
  });

  it('walks the attempts by backend, the next taking over from the newest whole checkpoint, and says why', async () => {
    const save = (step: number): string => `mkdir -p "$FERRY_CHECKPOINT_DIR/${step}"; echo "w${step}" > "$FERRY_CHECKPOINT_DIR/${step}/model"; echo '{"checkpoint":{"step":${step},"path":"'"$FERRY_CHECKPOINT_DIR/${step}"'"}}' >> "$FERRY_PROGRESS_FILE"`;
    const spec: RunSpecInput = {
      ...base,
      stages: {
        train: {
          attempts: [
            shellJob(`${save(3)}; ${save(4)}; sleep 1; echo 'device error' >&2; exit 1`, { ...FAST, backend: 'ascend', simulated: true }),
            shellJob(`[ "$(cat "$FERRY_RESUME_FROM/model")" = w4 ]; ${makes('checkpoint')}`, { ...FAST, backend: 'nvidia', simulated: true }),
          ],
        },
      },
    };
    const run = await stack.startRun('fallback', spec);
    const { state } = (await run.result()) as { state: RunState };
    expect(state.jobs.map((job) => [job.backend, job.state])).toEqual([['ascend', 'failed'], ['ascend', 'failed'], ['nvidia', 'done']]);
    expect(state.jobs.at(-1)).toMatchObject({ backend: 'nvidia', state: 'done' });
    expect(state.notes.map((n) => n.text).join()).toMatch(/ascend → nvidia: the job exited with code 1: device error; 2 of 2 failures without progress/);
    expect(state.stages['train']?.reason).toBe('fell back from ascend to nvidia');
  });

  it('can be sent back to an earlier stage, stopped, and asks again when it fails again', async () => {
    const spec: RunSpecInput = {
      ...base,
      stages: { prepareData: { job: shellJob(makes('dataset'), FAST) }, train: { attempts: [shellJob('[ "$FERRY_ROUND" -gt 1 ] || exit 1; exit 78', FAST)] } },
    };
    const run = await stack.startRun('sent-back', spec);
    await until(run, (s) => s.gates['repair.train']?.outcome === undefined && s.gates['repair.train'] !== undefined);
    expect(await decide('sent-back', { verdict: 'send_back', to: 'prepareDta' })).toMatchObject({ accepted: false, code: 'unknown_stage' });
    expect(await decide('sent-back', { verdict: 'send_back', to: 'prepareData' })).toMatchObject({ accepted: true });
    const second = await until(run, (s) => s.gates['repair.train']?.opening === 2);
    expect(second).toMatchObject({ round: 2, stages: { prepareData: { round: 2, attempts: 1, state: 'done' } } });
    expect(await decide('sent-back', { verdict: 'stop', reason: 'enough' })).toMatchObject({ accepted: true });
    await expect(run.result()).rejects.toMatchObject({ cause: { type: 'stopped', details: [{ status: 'failed', stop: 'stopped' }] } });
  });
});
