import { describe, expect, it } from 'vitest';
import { identityOf } from '../../src/domain/identity.js';
import { plannedReuse } from '../../src/domain/reuse.js';
import { initialState, type RunState } from '../../src/domain/run-state.js';
import type { PipelineDescription } from '../../src/domain/pipeline.js';
import { RELEASE_PIPELINE, STAGE_NAMES } from '../../src/domain/stage.js';
import type { RunSpecInput } from '../../src/domain/spec.js';
import { artifact, at, specOf } from './kit.js';

const STAGES: RunSpecInput['stages'] = {
  preflight: {},
  prepareData: { job: { command: ['prepare'], params: { seed: 1 } } },
  train: { attempts: [{ command: ['train'] }] },
  convert: { job: { command: ['convert'] } },
  approve: {},
};
const spec = specOf({ stages: STAGES });
const dataset = artifact('dataset', 'dataset');
const checkpoint = artifact('checkpoint', 'checkpoint');
const model = artifact('model');

/** A run that has done the spec's stages. */
function earlier(change: (state: RunState) => void = () => undefined): RunState {
  const state = initialState({ run: 'first', runUid: 'uid-00001', model: 'tiny', version: '1', specDigest: 'x', requestedBy: 'ed', startedAt: at(0), order: [...STAGE_NAMES] });
  const done = (name: string, outputs: Record<string, ReturnType<typeof artifact>>, reads: Record<string, ReturnType<typeof artifact>>): void => {
    state.stages[name] = { ...state.stages[name]!, state: 'done', outputs, identity: identityOf(spec, {}, name, reads, undefined) };
  };
  done('prepareData', { dataset }, {});
  done('train', { checkpoint }, { dataset });
  done('convert', { model }, { checkpoint });
  change(state);
  return state;
}

const planned = (change: Partial<Parameters<typeof plannedReuse>[0]> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(plannedReuse({ pipeline: RELEASE_PIPELINE, spec, earlier: earlier(), inputs: {}, code: undefined, ...change })).map(([name, { reused, reason }]) => [name, `${reused ? 'reused' : 'anew'}: ${reason}`]));

describe('what a run would take over', () => {
  it('is every stage with a job of which nothing differs; a gate asks again', () => {
    const same = 'reused: from first: same command, parameters, inputs and code';
    expect(planned()).toEqual({ prepareData: same, train: same, convert: same });
  });

  it('ends where something differs, which is named, and what follows waits for what is made anew', () => {
    const changed = specOf({ stages: { ...STAGES, prepareData: { job: { command: ['prepare'], params: { seed: 2 } } } } });
    expect(planned({ spec: changed })).toEqual({
      prepareData: 'anew: its command or parameters differs from first',
      train: 'anew: its input dataset is made anew; it is taken over only if that turns out the same',
      convert: 'anew: its input checkpoint is made anew; it is taken over only if that turns out the same',
    });
  });

  it('does not cover other code, and nothing of a stage that the earlier run had not finished', () => {
    expect(planned({ code: artifact('code', 'code') })['prepareData']).toBe('anew: the code differs from first');
    expect(planned({ earlier: earlier((state) => (state.stages['convert'] = { ...state.stages['convert']!, state: 'failed' })) })).toMatchObject({ train: expect.stringMatching(/^reused/), convert: 'anew: first had not finished it' });
  });

  it('is compared with the artifacts that a run begins with', () => {
    const begun = specOf({ stages: STAGES, inputs: { dataset: { artifact: dataset.digest } } });
    expect(planned({ spec: begun, inputs: { dataset } })).toEqual({ train: expect.stringMatching(/^reused/), convert: expect.stringMatching(/^reused/) });
    const other = artifact('another', 'dataset');
    expect(planned({ spec: begun, inputs: { dataset: other } })['train']).toBe('anew: its input dataset differs from first');
  });

  it('leaves what reads the items of a fan-out to the run, and takes none of the earlier items for an input that differs', () => {
    const job = { title: 'Job', section: 'job' as const };
    const score = { kind: 'evaluation' as const };
    const fanOut: PipelineDescription = {
      ...RELEASE_PIPELINE,
      stages: { train: { ...job, consumes: {}, produces: { score } }, convert: { ...job, consumes: { scores: { ...score, many: true } }, produces: { summary: score } } },
    };
    const first = earlier((state) => {
      const { train, ...others } = state.stages;
      state.stages = { ...others, 'train-a': { ...train!, of: 'train' } };
      state.stages['convert'] = { ...state.stages['convert']!, identity: identityOf(spec, {}, 'convert', { 'score-a': artifact('score') }, undefined) };
    });
    expect(planned({ pipeline: fanOut, earlier: first })).toEqual({
      train: expect.stringMatching(/^anew: first took it item by item/),
      convert: 'anew: its input scores comes from the items of a fan-out; it is compared when it comes to it',
    });
    const other = specOf({ stages: { ...STAGES, convert: { job: { command: ['other'] } } } });
    expect(planned({ pipeline: fanOut, spec: other, earlier: first })['convert']).toBe('anew: its command or parameters differs from first');
  });
});
