import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ParityReport } from '../../src/domain/reports/parity-report.js';
import { Verdict } from '../../src/domain/reports/verdict.js';
import { writeDataset } from '../engines/parity/dataset.js';
import { distortions, toyServer } from '../engines/serving/toy-server.js';
import type { Toy, ToyOptions } from '../engines/serving/toy-server.js';
import { runJob } from './job-world.js';
import type { JobOutcome } from './job-world.js';

let place: string;
const open: Toy[] = [];
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'modelferry-compare-'));
  writeDataset(join(place, 'dataset'), Array.from({ length: 400 }, (_, index) => `Text ${index} of the held-out part, about ${(index * 7919) % 1009} things.\n`.repeat(4)));
});
afterEach(async () => {
  for (const toy of open.splice(0)) await toy.close();
  rmSync(place, { recursive: true, force: true });
});

const PARAMS = {
  count: 32,
  promptTokens: 24,
  maxTokens: 32,
  tokenizer: 'bytes',
  bounds: { minAgreement: 0.97, maxMeanLogprobError: 0.05, maxP99LogprobError: 0.3, minTopKInclusion: 0.9, minPositions: 400 },
};

async function served(options: ToyOptions = {}): Promise<Toy> {
  const toy = await toyServer(options);
  open.push(toy);
  return toy;
}

interface Compared extends JobOutcome {
  report: ParityReport;
  pairs: Record<string, unknown>[];
  digests: string[];
}

async function compare(reference: Toy, candidate: Toy, params: object = {}, variables: Record<string, string> = {}): Promise<Compared> {
  const folder = mkdtempSync(join(place, 'job-'));
  const outcome = await runJob(folder, 'compare-serving', { ...PARAMS, ...params }, { variables: { FERRY_INPUT_DATASET: join(place, 'dataset'), FERRY_URL_REFERENCE: reference.url, FERRY_URL_CANDIDATE: candidate.url, ...variables } });
  if (outcome.code !== 0) return { ...outcome, report: undefined as unknown as ParityReport, pairs: [], digests: [] };
  const files = ['report.json', 'pairs.jsonl'].map((name) => readFileSync(join(outcome.output('validation'), name), 'utf8')) as [string, string];
  return {
    ...outcome,
    report: ParityReport.parse(JSON.parse(files[0])),
    pairs: files[1].trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>),
    digests: files.map((text) => createHash('sha256').update(text).digest('hex')),
  };
}

// Thousands of requests to servers in this process: seconds on a busy machine.
describe('the verdict', { timeout: 30_000 }, () => {
  it('on a server that is the reference is pass, and told as progress after the metrics', async () => {
    const { report, progress, pairs, code } = await compare(await served(), await served(), {}, { FERRY_BACKEND_REFERENCE: 'nvidia (simulated)', FERRY_BACKEND_CANDIDATE: 'ascend (simulated)' });
    expect([code, report.verdict.value, report.pair.agreement, report.pair.positions, report.noiseFloor.agreement]).toEqual([0, 'pass', 1, 1024, 1]);
    expect([report.reference, report.candidate]).toEqual([{ model: 'toy', backend: 'nvidia (simulated)' }, { model: 'toy', backend: 'ascend (simulated)' }]);
    expect(progress.slice(-2)).toEqual([
      { step: 96, total: 96, metrics: { agreement: 1, meanLogprobError: 0, p99LogprobError: 0, topKInclusion: 1, positions: 1024, noise: 0 } },
      { verdict: { value: 'pass', reasons: report.verdict.reasons.slice(0, 5) } },
    ]);
    expect(Verdict.parse(progress.at(-1)?.['verdict']).reasons.every((reason) => reason.endsWith('as required'))).toBe(true);
    expect(pairs).toHaveLength(32);
    expect(pairs[0]).toEqual({ prompt: 0, promptDigest: expect.stringMatching(/^sha256:/), reference: pairs[0]?.['candidate'], again: pairs[0]?.['reference'], candidate: { tokens: expect.any(Array), logprobs: expect.any(Array) } });
  });

  it('on a server that rounds, as another device does, is pass', async () => {
    const { report } = await compare(await served(), await served({ distort: distortions.rounding }));
    expect(report.pair.logprobError.mean).toBeGreaterThan(0);
    expect(report.verdict.value, report.verdict.reasons.join('\n')).toBe('pass');
  });

  it('on two servers with the same noise is pass, and tells the noise', async () => {
    const { report } = await compare(await served({ distort: distortions.jitter }), await served({ distort: distortions.jitter }));
    expect(report.noiseFloor.logprobError.mean).toBeGreaterThan(0);
    expect(report.pair.logprobError.mean / report.noiseFloor.logprobError.mean).toBeLessThan(2);
    expect(report.verdict.value, report.verdict.reasons.join('\n')).toBe('pass');
  });

  it('on a server with one layer of another scale is fail, and the job is done all the same', async () => {
    const { report, code } = await compare(await served(), await served({ distort: distortions.scaledLayer }));
    expect([code, report.verdict.value]).toEqual([0, 'fail']);
    expect(report.verdict.reasons[0]).toMatch(/^agreement .* must be at least 97 %$/);
  });

  it('on a server that seldom flips tokens is inconclusive with few prompts and fail with many', async () => {
    const reference = await served();
    const candidate = await served({ distort: distortions.rareFlips });
    const bounds = { ...PARAMS.bounds, minAgreement: 0.985, minPositions: 50, minPrompts: 8, maxP99LogprobError: 5 };
    const few = (await compare(reference, candidate, { count: 8, maxTokens: 16, bounds })).report.verdict;
    expect([few.value, few.reasons[0]]).toEqual(['inconclusive', expect.stringMatching(/^agreement .* more prompts may tell$/)]);
    const many = (await compare(reference, candidate, { count: 150, maxTokens: 16, bounds })).report.verdict;
    expect([many.value, many.reasons[0]]).toEqual(['fail', expect.stringMatching(/^agreement .* must be at least 98.5 %$/)]);
  });

  it('is inconclusive where a prompt is refused, and says how many', async () => {
    const candidate = await served({
      instead(response, { path, request }) {
        if (path !== '/v1/completions' || request !== 5) return false;
        response.writeHead(400).end('no');
        return true;
      },
    });
    const { report, pairs } = await compare(await served(), candidate);
    expect([report.verdict.value, report.pair.prompts, report.verdict.reasons[0]]).toEqual(['inconclusive', 31, '1 of 32 prompts were not answered by both sides: what they would have shown is unknown']);
    expect(pairs.filter(({ candidate: one }) => JSON.stringify(one) === '{"unanswered":"status 400"}')).toHaveLength(1);
  });

  it('is inconclusive for a server that computes NaN', async () => {
    const { report } = await compare(await served(), await served({ distort: ({ layers: [a] }) => a.map(() => Number.NaN) }));
    expect(report.verdict.value).not.toBe('pass');
    expect(report.verdict.reasons.join('\n')).toContain('positions have no finite logprob');
  });
});

describe('a candidate that is broken in few of the positions that can be compared', { timeout: 30_000 }, () => {
  /** One of two layers is all that is left, in the requests that `lost` names. */
  const garbage = (lost: (request: number) => boolean): ToyOptions => ({ distort: (about) => (lost(about.request) ? about.layers[0].map((value) => -value) : distortions.none(about)) });

  it.each([
    ['half of its answers', (request: number) => request % 2 === 0, { maxTokens: 128 }, 'fail'],
    ['two of its 32 answers', (request: number) => request % 16 === 3, {}, 'inconclusive'],
  ])('and loses %s from the first token does not pass', async (_, lost, params, expected) => {
    const { report } = await compare(await served(), await served(garbage(lost)), params);
    expect(report.verdict.value, report.verdict.reasons.join('\n')).toBe(expected);
    expect(report.pair.leaving).toBeGreaterThan(1);
  });

  it('and ends half of its answers at once, though it was to go on, does not pass', async () => {
    const candidate = await served({ shorten: (request) => request % 2 === 0 });
    const { report } = await compare(await served(), candidate);
    expect([report.verdict.value, report.verdict.reasons.join('\n')]).toEqual(['fail', expect.stringContaining('16 of 32 answers end earlier than asked')]);
  });

  it('and writes NaN as a bare word gets a verdict', async () => {
    const text = JSON.stringify({ choices: [{ logprobs: { tokens: ['token_id:1'], token_logprobs: ['x'], top_logprobs: [{ 'token_id:1': 'x' }] } }] }).replaceAll('"x"', 'NaN');
    const candidate = await served({
      instead(response, { path }) {
        if (path === '/v1/completions') response.end(text);
        return path === '/v1/completions';
      },
    });
    const { code, report } = await compare(await served(), candidate);
    expect([code, report.verdict.value === 'pass', report.verdict.reasons.join('\n')]).toEqual([0, false, expect.stringContaining('positions have no finite logprob')]);
  });
});

it('doubts answers that are bit-equal, where the stage has a checkpoint and another model and both servers call it by one name', async () => {
  const verdictOf = async (model: string, inputs: Record<string, string>): Promise<Verdict> => (await compare(await served(), await served({ model }), {}, inputs)).report.verdict;
  const [one, other] = ['checkpoint', 'model'].map((name) => mkdtempSync(join(place, name))) as [string, string];
  const different = { FERRY_INPUT_CHECKPOINT: one, FERRY_INPUT_MODEL: other };
  const doubted = await verdictOf('/models/toy', different);
  expect([doubted.value, doubted.reasons[0]]).toEqual(['inconclusive', expect.stringMatching(/^bit-equal answers/)]);
  expect(doubted.reasons.join()).not.toContain(place);
  expect((await verdictOf('/models/other', different)).value).toBe('pass');
  expect((await verdictOf('/models/toy', { ...different, FERRY_INPUT_MODEL: one })).value).toBe('pass');
}, 30_000);

it('makes the same bytes of the same answers, whatever the ports', async () => {
  const one = await compare(await served(), await served({ distort: distortions.rounding }));
  const other = await compare(await served(), await served({ distort: distortions.rounding }));
  expect(other.digests).toEqual(one.digests);
});

it('asks both servers the same prompts, the reference twice', async () => {
  const reference = await served();
  const candidate = await served();
  await compare(reference, candidate);
  const prompts = ({ asked }: Toy): string[] => asked.map(({ prompt }) => JSON.stringify(prompt)).toSorted();
  expect([...prompts(candidate), ...prompts(candidate)].toSorted()).toEqual(prompts(reference));
  expect(new Set(prompts(candidate)).size).toBe(32);
});

describe('with the servers\' tokenizer', () => {
  it('prompts are what the servers make of the texts', async () => {
    const reference = await served();
    const { report } = await compare(reference, await served(), { tokenizer: 'server' });
    expect(report.verdict.value).toBe('pass');
    expect(reference.asked.every(({ prompt }) => prompt.length === 24 && prompt[0] === 1)).toBe(true);
  });

  it('two that differ are a wrong configuration: nothing else would mean anything', async () => {
    const { code, log } = await compare(await served(), await served({ tokenize: (text) => [...Buffer.from(text)] }), { tokenizer: 'server' });
    expect([code, log.join()]).toEqual([78, expect.stringContaining('their tokenizers differ')]);
  });
});

describe('the job ends with', () => {
  it('1 and the reason when a server dies midway', async () => {
    const candidate: Toy = await served({
      instead(response, { request, path }) {
        if (path !== '/v1/completions' || request < 10) return false;
        void candidate.close();
        response.destroy();
        return true;
      },
    });
    const { code, log } = await compare(await served(), candidate);
    expect([code, log.join()]).toEqual([1, expect.stringMatching(/^the candidate: POST http:.*\/v1\/completions failed: .*(?:ECONNREFUSED.*|other side closed|ECONNRESET)$/)]);
  });

  it('78 before any answer where the prompts are of too few documents', async () => {
    const reference = await served();
    writeDataset(join(place, 'dataset'), Array.from({ length: 20 }, (_, index) => `Text ${index} `.repeat(40)));
    const { code, log } = await compare(reference, await served());
    expect([code, log.join(), reference.asked.length]).toEqual([78, expect.stringContaining('parts of only 20 held-out documents'), 0]);
  });

  it('1 when too many prompts are unanswered', async () => {
    const refuses: ToyOptions = {
      instead(response, { path }) {
        if (path !== '/v1/completions') return false;
        response.writeHead(400).end('bad');
        return true;
      },
    };
    const { code, log } = await compare(await served(), await served(refuses));
    expect([code, log.join()]).toEqual([1, expect.stringContaining('4 of 32 prompts are unanswered, which is too many to compare')]);
  });

  it.each([
    ['no address', {}, { FERRY_URL_CANDIDATE: '' }, 'FERRY_URL_CANDIDATE is not set'],
    ['an address that is none', {}, { FERRY_URL_REFERENCE: 'file:///etc/passwd' }, 'FERRY_URL_REFERENCE is no http address'],
    ['no dataset', {}, { FERRY_INPUT_DATASET: '/nowhere' }, 'the input dataset is not there'],
    ['one server for both', {}, 'same', 'FERRY_URL_REFERENCE and FERRY_URL_CANDIDATE are one server'],
    ['fewer prompts than could ever pass', { count: 29 }, {}, 'count: 29 prompts are fewer than bounds.minPrompts, 30, so no candidate could pass'],
    ['fewer positions than could ever pass', { maxTokens: 12 }, {}, 'maxTokens: 32 prompts of 12 tokens make fewer positions than bounds.minPositions, 400'],
    ['a deadline beyond what fetch waits', { requestSeconds: 300 }, {}, 'requestSeconds'],
    ['a top of one, off which no gap can be read', { topK: 1 }, {}, 'topK'],
    ['a bound that is left out', { bounds: { minAgreement: 0.9 } }, {}, 'bounds.minPositions'],
    ['an unknown parameter', { topk: 3 }, {}, 'topk'],
    ['more prompts than there are', { count: 2000, promptTokens: 160 }, {}, 'prompts of 160 tokens, and 2000 are asked for'],
    ['answers that are longer than the model takes', { maxTokens: 1000, promptTokens: 4000 }, {}, 'the reference takes at most 4096 tokens'],
  ] as [string, object, Record<string, string> | 'same', string][])('78 for %s', async (_, params, variables, why) => {
    const reference = await served();
    const same = { FERRY_URL_CANDIDATE: `${reference.url}/v1/` };
    const { code, log } = await compare(reference, await served(), params, variables === 'same' ? same : variables);
    expect([code, log.join('\n')]).toEqual([78, expect.stringContaining(why)]);
  });
});
