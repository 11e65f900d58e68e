import { describe, expect, it } from 'vitest';
import { heldOutFamilies, seededHash } from '../../../src/engines/text/split-families.js';

const sum = (families: ReadonlyMap<string, number>, names: Iterable<string>): number => [...names].reduce((total, name) => total + (families.get(name) ?? 0), 0);

describe('the split by families', () => {
  it('comes near to the share and never far over it, whatever the sizes', () => {
    for (let seed = 0; seed < 200; seed += 1) {
      const families = new Map(Array.from({ length: 60 }, (_, index) => [`family-${index}`, Math.ceil(20_000 * seededHash(seed, `size ${index}`) ** 4) + 1]));
      const total = sum(families, families.keys());
      const heldOut = heldOutFamilies(families, 0.1, seed) ?? new Set();
      expect(heldOut.size).toBeGreaterThan(0);
      expect(sum(families, heldOut) / total).toBeLessThanOrEqual(0.125);
      expect(sum(families, heldOut) / total).toBeGreaterThan(0.05);
    }
  });

  it('takes the smallest where each is larger than the share, and always leaves one to train on', () => {
    expect(heldOutFamilies(new Map([['a', 700], ['b', 300]]), 0.1, 1)).toEqual(new Set(['b']));
    for (let seed = 0; seed < 20; seed += 1) expect(heldOutFamilies(new Map([['a', 5], ['b', 5]]), 0.5, seed)?.size).toBe(1);
  });

  it('does not split one family', () => {
    expect(heldOutFamilies(new Map([['a', 700]]), 0.1, 1)).toBeUndefined();
    expect(heldOutFamilies(new Map(), 0.1, 1)).toBeUndefined();
  });

  it('is decided by the seed alone, not by the order of the families', () => {
    const families = Array.from({ length: 30 }, (_, index): [string, number] => [`f${index}`, 100]);
    const one = heldOutFamilies(new Map(families), 0.2, 7);
    expect(heldOutFamilies(new Map(families.toReversed()), 0.2, 7)).toEqual(one);
    expect(heldOutFamilies(new Map(families), 0.2, 8)).not.toEqual(one);
  });
});
