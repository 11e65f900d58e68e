import * as z from 'zod';
import { describe, expect, it } from 'vitest';
import { describeValue, formatPath, nearest, problemsOf } from '../../src/domain/problems.js';

const SCHEMA = z.strictObject({
  kind: z.enum(['local', 'slurm']),
  count: z.number().int().min(1).optional(),
  jobs: z.array(z.strictObject({ command: z.array(z.string()) })).optional(),
  source: z.union([z.strictObject({ path: z.string() }), z.strictObject({ artifact: z.string(), tag: z.string(), more: z.string() })]).optional(),
});

const problems = (document: unknown): unknown => {
  const parsed = SCHEMA.safeParse(document);
  return parsed.success ? [] : problemsOf(parsed.error, document, (path) => (path.length === 0 ? ['kind', 'count', 'jobs', 'source'] : []));
};

describe('the problems of a document', () => {
  it('are all told at once, each with its path, what was found, what is expected and what was meant', () => {
    expect(problems({ kind: 'locl', cuont: 2, jobs: [{ command: 'train' }] })).toEqual([
      { path: 'kind', found: '"locl"', expected: 'one of local, slurm', suggestion: 'did you mean local?' },
      { path: 'jobs[0].command', found: '"train"', expected: 'a list' },
      { path: 'cuont', found: 'an unknown key, "cuont"', expected: 'one of kind, count, jobs, source', suggestion: 'did you mean count?' },
    ]);
  });

  it('tell of missing values, wrong types and numbers out of range', () => {
    expect(problems({})).toEqual([{ path: 'kind', found: 'nothing', expected: 'one of local, slurm' }]);
    expect(problems([])).toEqual([{ path: '(the whole document)', found: 'a list of 0', expected: 'a mapping' }]);
    expect(problems({ kind: 'local', count: 0 })).toMatchObject([{ path: 'count', found: '0' }]);
  });

  it('tell of a choice between forms by the one that fits best', () => {
    expect(problems({ kind: 'local', source: { path: 3 } })).toEqual([{ path: 'source.path', found: '3', expected: 'a string', suggestion: 'quote it: "3"' }]);
  });

  it('tell to quote what YAML takes for a number or a truth value where a string belongs, and nothing else', () => {
    const source = (path: unknown): unknown => problems({ kind: 'local', source: { path } });
    expect(source(true)).toMatchObject([{ suggestion: 'quote it: "true"' }]);
    expect(source([1])).toEqual([{ path: 'source.path', found: 'a list of 1', expected: 'a string' }]);
  });

  it('stop at a hundred, however wrong a document is', () => {
    expect(problems({ kind: 'local', jobs: Array.from({ length: 1000 }, () => 1) })).toHaveLength(100);
  });
});

describe('the nearest word', () => {
  it.each([
    ['tarin', 'train'],
    ['Train', 'train'],
    ['trains', 'train'],
    ['prepareDta', 'prepareData'],
    ['xyz', undefined],
    ['', undefined],
    ['x'.repeat(100_000), undefined],
  ])('to %s is %s', (word, meant) => {
    expect(nearest(word, ['train', 'prepareData', 'publish'])).toBe(meant);
  });
});

it('shows paths as people write them, and values briefly', () => {
  expect(formatPath(['stages', 'train', 'attempts', 0, 'backend'])).toBe('stages.train.attempts[0].backend');
  expect(describeValue('x'.repeat(500))).toHaveLength(80);
  expect([undefined, null, [1, 2], {}, true].map(describeValue)).toEqual(['nothing', 'null', 'a list of 2', 'a mapping', 'true']);
});
