import { describe, expect, it } from 'vitest';
import { axisOver, axisWithin, percentOn, thin } from '../../../../src/cli/render/report/scale.js';
import { timeScale, union, without } from '../../../../src/cli/render/report/time-scale.js';
import { count, number, percent, share, size } from '../../../../src/cli/render/report/words.js';

describe('an axis', () => {
  it.each<[number[], object, number[]]>([
    [[2.29, 9.41], {}, [2, 4, 6, 8, 10]],
    [[0.0003, 0.0017], {}, [0, 0.0005, 0.001, 0.0015, 0.002]],
    [[0.1, 0.7], { fromZero: true }, [0, 0.2, 0.4, 0.6, 0.8]],
    [[0, 0], { fromZero: true }, [0, 0.2, 0.4, 0.6, 0.8, 1]],
    [[-3, 4], {}, [-4, -2, 0, 2, 4]],
  ])('over %j has lines at round numbers', (values, options, ticks) => {
    expect(axisOver('x', values, options).ticks).toEqual(ticks);
  });

  it.each([[[]], [[5]], [[0]], [[1e-300, 1e300]]])('over %j has a width, and holds it', (values) => {
    const axis = axisOver('x', values);
    expect(axis.max).toBeGreaterThan(axis.min);
    for (const value of values) expect(percentOn(axis, value)).toBeGreaterThanOrEqual(0);
    for (const value of values) expect(percentOn(axis, value)).toBeLessThanOrEqual(100);
  });

  it('within two ends ends there', () => {
    expect(axisWithin('step', 5, 1000)).toMatchObject({ min: 5, max: 1000, ticks: [200, 400, 600, 800, 1000] });
    expect(axisWithin('step', 3, 3)).toMatchObject({ min: 3, max: 4 });
  });
});

describe('a line that is thinned', () => {
  const points = Array.from({ length: 5000 }, (_, x) => ({ x, y: x === 2500 ? 99 : x === 3000 ? -99 : Math.sin(x) }));

  it('has no more points than wanted, in their order, with its ends and its spikes', () => {
    const thinned = thin(points, 600);
    expect(thinned.length).toBeLessThanOrEqual(600);
    expect(thinned.length).toBeGreaterThan(500);
    expect(thinned.map(({ x }) => x)).toEqual(thinned.map(({ x }) => x).toSorted((a, b) => a - b));
    for (const x of [0, 2500, 3000, 4999]) expect(thinned.map((p) => p.x)).toContain(x);
  });

  it('stays as it is when it is short', () => {
    expect(thin(points.slice(0, 600), 600)).toHaveLength(600);
    expect(thin([], 600)).toEqual([]);
  });
});

describe('the scale of a timeline', () => {
  const MINUTE = 60_000;

  it('is even where nobody was waited for long', () => {
    const scale = timeScale({ from: 0, to: 10 * MINUTE, idle: [{ from: 5 * MINUTE, to: 6 * MINUTE }] });
    expect(scale.shortened).toEqual([]);
    expect([0, 2.5, 5, 10].map((m) => scale.at(m * MINUTE))).toEqual([0, 25, 50, 100]);
    expect(scale.ticks.map(({ afterMs }) => afterMs / MINUTE)).toEqual([0, 2, 4, 6, 8, 10]);
  });

  it('draws days of waiting short, and keeps the order and the ends', () => {
    const wait = { from: 3 * MINUTE, to: 2 * 24 * 60 * MINUTE };
    const to = wait.to + MINUTE;
    const scale = timeScale({ from: 0, to, idle: [wait] });
    expect(scale.shortened).toEqual([wait]);
    const at = [0, MINUTE, wait.from, wait.from + 60 * MINUTE, wait.to, to].map((ms) => scale.at(ms));
    expect(at).toEqual(at.toSorted((a, b) => a - b));
    expect(at[0]).toBe(0);
    expect(at.at(-1)).toBeCloseTo(100);
    // Of five parts four ran: the wait is the fifth.
    expect((at[4] ?? 0) - (at[2] ?? 0)).toBeCloseTo(20);
    expect(scale.ticks.some(({ ms }) => ms > wait.from && ms < wait.to)).toBe(false);
  });

  it('shortens nothing of a run that only waited, and bears one of no length', () => {
    expect(timeScale({ from: 0, to: 1000, idle: [{ from: 0, to: 1000 }] }).at(500)).toBe(50);
    expect(timeScale({ from: 5, to: 5, idle: [] }).at(5)).toBe(0);
  });

  it('counts no span twice, and nothing in which a job ran', () => {
    expect(union([{ from: 5, to: 9 }, { from: 0, to: 6 }, { from: 20, to: 20 }])).toEqual([{ from: 0, to: 9 }]);
    expect(without([{ from: 0, to: 10 }], [{ from: 2, to: 3 }, { from: 9, to: 12 }])).toEqual([{ from: 0, to: 2 }, { from: 3, to: 9 }]);
  });
});

describe('a number for people', () => {
  it.each([
    [percent(0.99996), '99.99 %'],
    [percent(1), '100.00 %'],
    [percent(0.29), '29.00 %'],
    [share(1, 3), '33.3 %'],
    [share(0, 0), '0.0 %'],
    [count(1234567), '1,234,567'],
    [count(-1234), '-1,234'],
    [number(18234.5), '18,235'],
    [number(0.0038912), '0.003891'],
    [number(27_200_000), '27,200,000'],
    [size(999), '999 bytes'],
    [size(999_600), '1.0 MB'],
    [size(11_234_567), '11 MB'],
  ])('%s is %s', (shown, wanted) => expect(shown).toBe(wanted));
});
