import { describe, expect, it } from 'vitest';
import { declaredParameters, paramsOf, resolveParameter, withParameters } from '../../src/domain/overrides.js';
import { ladderOf } from '../../src/domain/sections.js';
import { RunSpec } from '../../src/domain/spec.js';
import { RELEASE_PIPELINE } from '../../src/domain/stage.js';
import { FULL_SPEC, frozen, specOf } from './kit.js';

const spec = specOf({ params: { seed: 1, lr: 9 } });

describe('a parameter that a person names', () => {
  it.each([
    ['train', 'lr', 'stages.train.params.lr'],
    ['train', 'warmup', 'stages.train.params.warmup'],
    ['train', 'seed', 'params.seed'],
    ['convert', 'lr', 'params.lr'],
    ['convert', 'stages.train.params.lr', 'stages.train.params.lr'],
    ['train', 'params.lr', 'params.lr'],
    ['train', 'larning_rate', undefined],
    ['train', 'params.warmup', undefined],
    ['convert', 'stages.convert.params.lr', undefined],
    ['train', 'stages.gone.params.lr', undefined],
    ['train', 'constructor', undefined],
    ['train', '__proto__', undefined],
    ['constructor', 'stages.constructor.params.name', undefined],
  ])('at %s as %s means %s', (stage, name, full) => {
    expect(resolveParameter(spec, stage, name)).toBe(full);
  });

  it('is one of those that the spec declares', () => {
    expect(declaredParameters(spec)).toEqual(['params.seed', 'params.lr', 'stages.train.params.lr', 'stages.train.params.warmup']);
  });
});

describe('the parameters of a job', () => {
  it("are the run's, over which its own win, each as changed", () => {
    const [ascend, nvidia] = ladderOf(spec, 'train');
    const overrides = frozen({ 'params.seed': 2, 'stages.train.params.lr': 0.5, 'stages.convert.params.lr': 7, 'params.gone': 1 });
    expect(paramsOf(spec, {}, 'train', ascend!)).toEqual({ seed: 1, lr: 0.1 });
    expect(paramsOf(spec, overrides, 'train', nvidia!)).toEqual({ seed: 2, lr: 0.5, warmup: 10 });
    expect(paramsOf(spec, overrides, 'convert', ladderOf(spec, 'convert')[0]!)).toEqual({ seed: 2, lr: 9 });
  });

  it('may be changed to null and to nothing else than what was given', () => {
    expect(paramsOf(spec, { 'params.seed': null }, 'convert', ladderOf(spec, 'convert')[0]!)).toEqual({ seed: null, lr: 9 });
  });
});

describe('a spec with changed parameters', () => {
  it('is what a linked run starts with: every attempt that declares one has it, and the first spec is untouched', () => {
    const changed = withParameters(RELEASE_PIPELINE, frozen(structuredClone(FULL_SPEC)), { 'params.seed': 3, 'stages.train.params.warmup': 5, 'stages.train.params.lr': 0.2 });
    expect(RunSpec.parse(changed).params).toEqual({ seed: 3 });
    expect(ladderOf(RunSpec.parse(changed), 'train').map((plan) => plan.params)).toEqual([{ lr: 0.2 }, { lr: 0.2, warmup: 5 }]);
    expect(FULL_SPEC.params).toEqual({ seed: 1 });
  });
});
