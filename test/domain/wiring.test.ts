// What a spec declares of artifacts is held to what its pipeline, and the stages before, say of them.
import { describe, expect, it } from 'vitest';
import type { ArtifactRef } from '../../src/domain/artifact.js';
import type { PipelineDescription } from '../../src/domain/pipeline.js';
import { inputProblems } from '../../src/domain/plan.js';
import type { SectionInput } from '../../src/domain/sections.js';
import { runSpecOf, type RunSpec, type RunSpecInput } from '../../src/domain/spec.js';
import { madeAs, neededAs } from '../../src/domain/wiring.js';
import { artifact, digest } from './kit.js';

const JOB: SectionInput = { job: { command: ['x'] } };
const PIPELINE: PipelineDescription = {
  schema: 'modelferry.pipeline/1',
  name: 'tuneAndServe',
  inputs: { base: { kind: 'checkpoint', layout: 'hf-shards' }, notes: { kind: 'notes', optional: true } },
  stages: {
    tune: { title: 'Tune', section: 'job', consumes: { base: { kind: 'checkpoint', layout: 'hf-shards' } }, produces: { model: { kind: 'model', layout: 'hf-shards' } } },
    serve: { title: 'Serve', section: 'job', consumes: { model: { kind: 'model' } }, produces: { answers: { kind: 'evaluation' } } },
  },
};
const SCHEMA = runSpecOf(PIPELINE);

const raw = (tune: Partial<SectionInput> = {}, serve: Partial<SectionInput> = {}, change: Partial<RunSpecInput> = {}): RunSpecInput => ({
  schema: 'modelferry.run/1',
  pipeline: 'tuneAndServe',
  model: 'm',
  version: '1',
  inputs: { base: { artifact: digest('base') } },
  stages: { tune: { ...JOB, ...tune }, serve: { ...JOB, ...serve } },
  ...change,
});
const specOf = (...args: Parameters<typeof raw>): RunSpec => SCHEMA.parse(raw(...args));
const issuesOf = (...args: Parameters<typeof raw>): string[] => SCHEMA.safeParse(raw(...args)).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

describe('the facets that a spec declares', () => {
  it('add to what the pipeline says of an artifact', () => {
    const spec = specOf({ produces: { model: { dtype: 'bf16', layout: 'hf-shards' } } }, { consumes: { model: { dtype: 'bf16', tokenizer: undefined } } });
    expect(madeAs(PIPELINE, spec, 'tune', 'model')).toEqual({ kind: 'model', layout: 'hf-shards', dtype: 'bf16' });
    expect(neededAs(PIPELINE, spec, 'serve', 'model')).toMatchObject({ kind: 'model', dtype: 'bf16' });
    expect(madeAs(PIPELINE, spec, 'tune', 'gone')).toBeUndefined();
  });

  it.each<[string, Parameters<typeof raw>]>([
    ['nothing is declared', []],
    ['only the maker declares', [{ produces: { model: { dtype: 'bf16' } } }]],
    ['maker and reader declare the same', [{ produces: { model: { dtype: 'bf16' } } }, { consumes: { model: { dtype: 'bf16', layout: 'hf-shards' } } }]],
    ['the artifact is given from outside, where it is looked at itself', [{}, { consumes: { model: { dtype: 'fp8-e4m3' } } }, { inputs: { model: { artifact: digest('m') } } }]],
    ['the reader is left out', [{ produces: { model: { dtype: 'bf16' } } }, {}, { stages: { tune: JOB } }]],
  ])('are no problem where %s', (_what, args) => {
    expect(issuesOf(...args)).toEqual([]);
  });

  it.each<[string, string, Parameters<typeof raw>]>([
    ['another dtype than the stage before makes', 'stages.serve.consumes.model: what tune makes: dtype fp32 instead of bf16', [{ produces: { model: { dtype: 'fp32' } } }, { consumes: { model: { dtype: 'bf16' } } }]],
    ['a dtype that the stage before does not declare', 'stages.serve.consumes.model: what tune makes: dtype not declared instead of bf16', [{}, { consumes: { model: { dtype: 'bf16' } } }]],
    ['another layout than the pipeline says of what is made', 'stages.serve.consumes.model: what tune makes: layout hf-shards instead of one-file', [{}, { consumes: { model: { layout: 'one-file' } } }]],
    ['several at once', 'stages.serve.consumes.model: what tune makes: dtype fp32 instead of bf16, layout hf-shards instead of one-file', [{ produces: { model: { dtype: 'fp32' } } }, { consumes: { model: { dtype: 'bf16', layout: 'one-file' } } }]],
    ['an output that the stage does not have', 'stages.tune.produces.modle: an artifact that tune produces: model', [{ produces: { modle: { dtype: 'bf16' } } }]],
    ['an input that the stage does not read', 'stages.serve.consumes.base: an artifact that serve consumes: model', [{}, { consumes: { base: { dtype: 'bf16' } } }]],
    ['an artifact by a name that every object has', 'stages.serve.consumes.constructor: an artifact that serve consumes: model', [{}, { consumes: { constructor: { dtype: 'bf16' } } as SectionInput['consumes'] }]],
    ['what the pipeline says otherwise of an output', 'stages.tune.produces.model.layout: hf-shards, which the pipeline tuneAndServe says itself', [{ produces: { model: { layout: 'one-file' } } }]],
    ['what the pipeline says otherwise of an input', 'stages.tune.consumes.base.layout: hf-shards, which the pipeline tuneAndServe says itself', [{ consumes: { base: { layout: 'one-file' } } }]],
  ])('are refused for %s', (_what, problem, args) => {
    expect(issuesOf(...args)).toContain(problem);
  });

  it.each<[string, object]>([
    ['a facet that there is none of', { produces: { model: { precision: 'bf16' } } }],
    ['a dtype in capitals', { produces: { model: { dtype: 'BF16' } } }],
    ['a tokenizer that is no digest', { produces: { model: { tokenizer: 'llama' } } }],
    ['another kind', { produces: { model: { kind: 'dataset' } } }],
  ])('are refused with %s, at its path', (_what, section) => {
    expect(issuesOf(section).join()).toMatch(/^stages\.tune\.produces\.model/);
  });
});

describe('what a run begins with', () => {
  it('must be given where the pipeline asks for it, and may be left out where it is optional', () => {
    expect(issuesOf({}, {}, { inputs: {} })).toEqual(['inputs.base: the checkpoint that the run begins with: an artifact or a path']);
  });

  const base = (change: Partial<ArtifactRef> = {}): ArtifactRef => ({ ...artifact('base', 'checkpoint'), annotations: { layout: 'hf-shards' }, ...change });
  const found = (ref: ArtifactRef, spec = specOf()): string[] => inputProblems(PIPELINE, spec, { base: ref }).map((problem) => `${problem.path}: ${problem.found}`);

  it('fits by kind and by the facets among its annotations, whatever else they say', () => {
    expect(found(base())).toEqual([]);
    expect(found(base({ annotations: { layout: 'hf-shards', dtype: 'fp32', source: 'a lab' } }))).toEqual([]);
  });

  it.each<[string, Partial<ArtifactRef>, string]>([
    ['of another kind', { kind: 'model' }, 'kind model instead of checkpoint'],
    ['annotated with another layout', { annotations: { layout: 'one-file' } }, 'layout one-file instead of hf-shards'],
    ['annotated with nothing', { annotations: undefined }, 'layout not declared instead of hf-shards'],
    ['annotated with what is no facet', { annotations: { layout: 'HF SHARDS' } }, 'layout not declared instead of hf-shards'],
  ])('does not fit %s', (_what, change, wrong) => {
    expect(found(base(change))).toEqual([`inputs.base: ${digest('base')}, which does not fit the stage tune: ${wrong}`]);
  });

  it('must be what the spec adds to a stage, too', () => {
    const spec = specOf({ consumes: { base: { dtype: 'bf16' } } });
    expect(found(base(), spec)).toEqual([expect.stringContaining('dtype not declared instead of bf16')]);
    expect(inputProblems(PIPELINE, spec, { base: base() })[0]).toMatchObject({ expected: 'a checkpoint as tune needs it', suggestion: `look at it with: ferry artifact show ${digest('base')}` });
  });

  it('is not held to a stage that is skipped', () => {
    const spec = specOf({ consumes: { base: { dtype: 'bf16' } } }, {}, { inputs: { base: { artifact: digest('base') }, model: { artifact: digest('m') } } });
    expect(found(base({ kind: 'dataset' }), spec)).toEqual([]);
  });
});
