import { describe, expect, it } from 'vitest';
import { canonicalJson, digestOf } from '../../src/domain/canonical.js';
import { differences, identityOf } from '../../src/domain/identity.js';
import type { RunSpecInput } from '../../src/domain/spec.js';
import { FULL_SPEC, artifact, specOf } from './kit.js';

const inputs = { dataset: artifact('dataset', 'dataset') };
const code = artifact('code', 'code');
const base = identityOf(specOf(), {}, 'train', inputs, code);

/** The full spec with its first training attempt changed. */
const withTrain = (change: object): ReturnType<typeof specOf> => {
  const [first, ...rest] = FULL_SPEC.stages.train?.attempts ?? [];
  return specOf({ stages: { ...FULL_SPEC.stages, train: { attempts: [{ ...first, ...change }, ...rest] } } as RunSpecInput['stages'] });
};

describe('the identity of a stage', () => {
  it.each<[string, object]>([
    ['its command', { command: ['train', '--fast'] }],
    ['its backend', { backend: 'nvidia' }],
    ['whether the backend is imitated', { simulated: false }],
    ['its environment', { env: { A: '1' } }],
    ['the name of a secret', { env: { A: { secret: 'hf' } } }],
    ['its parameters', { params: { lr: 0.2 } }],
  ])('changes with %s', (_what, change) => {
    expect(differences(identityOf(withTrain(change), {}, 'train', inputs, code), base)).toEqual(['its command or parameters']);
  });

  it('does not change with budgets, waiting times and where it runs', () => {
    expect(identityOf(withTrain({ failures: 9, tryAgain: 9, backoff: '9 seconds', backoffMax: '10 minutes', grace: '9 seconds', keepCheckpoints: 9, executor: 'other' }), {}, 'train', inputs, code)).toEqual(base);
  });

  it('does not change with what other stages do, and does with a parameter of the whole run', () => {
    const other = specOf({ stages: { ...FULL_SPEC.stages, convert: { job: { command: ['other'] } } } });
    expect(identityOf(other, {}, 'train', inputs, code)).toEqual(base);
    expect(differences(identityOf(specOf({ params: { seed: 2 } }), {}, 'train', inputs, code), base)).toEqual(['its command or parameters']);
    expect(identityOf(specOf(), { 'params.seed': 1 }, 'train', inputs, code)).toEqual(base);
    expect(identityOf(specOf(), { 'params.seed': 2 }, 'train', inputs, code)).toEqual(identityOf(specOf({ params: { seed: 2 } }), {}, 'train', inputs, code));
  });

  it('says by name which input differs, and that the code does', () => {
    const now = identityOf(specOf(), {}, 'train', { dataset: artifact('dataset2'), labels: artifact('labels') }, undefined);
    expect(differences(now, base)).toEqual(['its input dataset', 'its input labels', 'the code']);
    expect(differences(base, now)).toEqual(['its input dataset', 'its input labels', 'the code']);
    expect(differences(base, structuredClone(base))).toEqual([]);
  });
});

describe('the digest of a value', () => {
  it('depends on the value and not on the order of its keys', () => {
    expect(digestOf({ b: 1, a: [1, { d: 1, c: 2 }] })).toBe(digestOf({ a: [1, { c: 2, d: 1 }], b: 1 }));
    expect(digestOf({ a: 1, b: undefined })).toBe(digestOf({ a: 1 }));
    expect(digestOf([1, 2])).not.toBe(digestOf([2, 1]));
    expect(canonicalJson({ b: 1e21, a: '\u20ac' })).toBe('{"a":"€","b":1e+21}');
    expect(digestOf({})).toBe('sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a');
  });

  it('is refused for what JSON cannot hold', () => {
    expect(() => digestOf(undefined)).toThrow(TypeError);
    expect(() => digestOf(Number.NaN)).toThrow();
  });
});
