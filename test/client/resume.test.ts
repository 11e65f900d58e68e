import type { Client } from '@temporalio/client';
import { defaultDataConverter, defaultPayloadConverter } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { resumeRun } from '../../src/client/resume.js';
import type { RunInput } from '../../src/domain/run-input.js';
import { initialState, type RunState } from '../../src/domain/run-state.js';
import { STAGE_NAMES, type StageName } from '../../src/domain/stage.js';
import { FULL_SPEC, artifact, at, digest } from '../domain/kit.js';

const state = (change: Partial<RunState> = {}): RunState => ({
  ...initialState({ run: 'run-1', runUid: 'uid-00001', model: 'tiny', version: '1', specDigest: 'x', requestedBy: 'ed', requesters: ['ed', 'alice'], startedAt: at(0), order: [...STAGE_NAMES] }),
  ...change,
});
const START: RunInput = { v: 1, runUid: 'uid-00001', spec: FULL_SPEC, requestedBy: 'alice' };

/** A server with one run, which answers for its state and takes every start. */
async function resumed({ earlier = state(), start = START, from = 'approve', requestedBy = 'bob' }: { earlier?: RunState; start?: RunInput; from?: StageName; requestedBy?: string } = {}): Promise<RunInput> {
  const begun: RunInput[] = [];
  const input = { payloads: [defaultPayloadConverter.toPayload(start)] };
  const client = {
    options: { namespace: 'default', loadedDataConverter: defaultDataConverter },
    connection: { withDeadline: (_at: number, call: () => Promise<unknown>) => call() },
    workflowService: { getWorkflowExecutionHistory: () => Promise.resolve({ history: { events: [{ workflowExecutionStartedEventAttributes: { input } }] } }) },
    workflow: {
      getHandle: () => ({ describe: () => Promise.resolve({ status: { name: 'RUNNING' }, runId: 'r', workflowId: 'run-1', memo: {}, raw: {} }), query: () => Promise.resolve(earlier) }),
      start: (_type: string, { args }: { args: [RunInput] }) => Promise.resolve(begun.push(args[0])),
    },
  } as unknown as Client;
  await resumeRun({ client, run: 'run-1', from, requestedBy });
  const [run] = begun;
  if (run === undefined) throw new Error('nothing was started');
  return run;
}

describe('a resumed run', () => {
  it('hands on everybody who asked for the earlier one, and for those before it', async () => {
    expect(await resumed()).toMatchObject({ requestedBy: 'bob', resume: { run: 'run-1', requesters: ['ed', 'alice'] } });
    const chained = { ...START, requestedBy: 'bob', resume: { run: 'run-0', runUid: 'uid-00000', from: 'train', requesters: ['carol'], stages: {} } };
    expect((await resumed({ start: chained, earlier: state({ requesters: ['ed', 'bob'] }) })).resume?.requesters).toEqual(['ed', 'bob', 'carol']);
  });

  it('names in its spec what somebody put in place of a product, and brings what the stages made that it now skips', async () => {
    const done = (name: string, kind: string): RunState['stages'] => ({ [name]: { name, state: 'done', round: 1, attempts: 1, outputs: { [kind]: artifact(kind, kind) }, figures: {} } });
    const stages = { ...state().stages, ...done('prepareData', 'dataset'), ...done('label', 'labels'), ...done('train', 'checkpoint'), ...done('convert', 'model') };
    const run = await resumed({ earlier: state({ stages, inputs: { checkpoint: artifact('mended', 'checkpoint'), model: artifact('other') } }), from: 'convert' });
    expect(run.inputs).toEqual({ checkpoint: artifact('mended', 'checkpoint'), dataset: artifact('dataset', 'dataset') });
    expect(run.spec.inputs).toEqual({ checkpoint: { artifact: digest('mended') }, dataset: { artifact: digest('dataset') } });
  });

  it('keeps the spec as it is when nothing was replaced', async () => {
    expect((await resumed()).spec).toEqual(FULL_SPEC);
    const spec = { ...FULL_SPEC, inputs: { checkpoint: { artifact: digest('given') } } };
    const given = { checkpoint: artifact('given', 'checkpoint') };
    expect(await resumed({ start: { ...START, spec, inputs: given }, earlier: state({ inputs: given }) })).toMatchObject({ spec, inputs: given });
  });

  it('takes over no release that somebody brought from outside', async () => {
    expect((await resumed({ earlier: state({ inputs: { release: artifact('other', 'release') } }), from: 'rollOut' })).inputs).toEqual({});
  });

  it('leaves out nobody when a worker of an earlier version answers for it', async () => {
    const { requesters: _, ...old } = state();
    expect((await resumed({ earlier: old as RunState })).resume?.requesters).toEqual(['ed', 'alice']);
  });
});
