import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AuditReport } from '../../../src/domain/reports/audit-report.js';
import { auditConversion } from '../../../src/engines/checkpoints/audit/audit.js';
import { convertCheckpoint } from '../../../src/engines/checkpoints/convert.js';
import { abortsAtLook, asFloats, bits16, bits32, f32, marked, nearestBf16, safetensorsBytes, seeded, writeCheckpoint, type GivenTensor } from '../../support/checkpoints.js';
import { importsOf, resolveImport, sourceFiles } from '../../support/sources.js';

let place: string;
let source: string;
let target: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'modelferry-audit-'));
  source = join(place, 'source');
  target = join(place, 'target');
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

const audit = (): Promise<AuditReport> => auditConversion({ source, target });

const random = seeded(3);
const values = (count: number): number[] => Array.from({ length: count }, () => random() - 0.5);
const GIVEN: GivenTensor[] = [
  { name: 'a', dtype: 'F32', shape: [4, 8], data: f32(...values(32)) },
  { name: 'b', dtype: 'F32', shape: [16], data: f32(...values(16)) },
  { name: 'ids', dtype: 'I64', shape: [2], data: Buffer.alloc(16, 7) },
  { name: 'c', dtype: 'BF16', shape: [3], data: bits16(0x3f80, 0x4000, 0xc000) },
];
const FILES = { 'tokenizer.json': '{"model":{}}', 'config.json': '{"torch_dtype": "float32", "rope_theta": 10000.0, "eos": [1, 2]}' };

/** What GIVEN must become, made by hand. */
const rounded = (tensor: GivenTensor): GivenTensor => (tensor.dtype !== 'F32' ? tensor : { ...tensor, dtype: 'BF16', data: bits16(...[...asFloats(tensor.data)].map((value) => nearestBf16(value) ?? 0x7fc0)) });
const [a, b, ids, c] = GIVEN.map(rounded) as [GivenTensor, GivenTensor, GivenTensor, GivenTensor];
const SHARDS = [[a, b], [ids, c]];
const NAMES = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;
const CONFIG = FILES['config.json'].replace('float32', 'bfloat16');
const putTarget = (shards: GivenTensor[][], files: Record<string, string> = {}): void => {
  rmSync(target, { recursive: true, force: true });
  writeCheckpoint(target, shards, { ...FILES, 'config.json': CONFIG, ...files });
};
const put = (name: string, content: string | Uint8Array): void => writeFileSync(join(target, name), content);
const INDEX = 'model.safetensors.index.json';
const index = (change: (index: { metadata: { total_size?: number }; weight_map: Record<string, string> }) => void): void => {
  const value = JSON.parse(readFileSync(join(target, INDEX), 'utf8')) as { metadata: { total_size?: number }; weight_map: Record<string, string> };
  change(value);
  put(INDEX, JSON.stringify(value));
};

beforeEach(() => {
  writeCheckpoint(source, [GIVEN], FILES);
  putTarget(SHARDS);
});

describe('the audit passes', () => {
  it('what was made by hand, and says what it looked at', async () => {
    const report = await audit();
    expect(report).toMatchObject({
      verdict: { value: 'pass' },
      source: { files: 1, tensors: 4, bytes: 214 },
      target: { files: 2, tensors: 4, bytes: 118 },
      dtypes: [{ from: 'F32', to: 'BF16', tensors: 2 }, { from: 'I64', to: 'I64', tensors: 1 }, { from: 'BF16', to: 'BF16', tensors: 1 }],
      values: { compared: 53, nan: 0, infinite: 0, overflowed: 0 },
      carried: [{ file: 'tokenizer.json', identical: true }],
      left: [],
      problems: [],
      bound: 1 / 256,
    });
    expect(report.maxRelativeError).toBeGreaterThan(0.001);
    expect(report.maxRelativeError).toBeLessThanOrEqual(1 / 256);
    expect(report.worst.map(({ tensor }) => tensor).sort()).toEqual(['a', 'b']);
    expect(report.verdict.reasons).toHaveLength(5);
  });

  it('what the converter makes, of any bits that are finite', async () => {
    for (let seed = 0; seed < 10; seed++) {
      const next = seeded(seed);
      const bits = Array.from({ length: 3000 }, () => Math.floor(next() * 0x7f7f8000) + (next() < 0.5 ? 0x80000000 : 0));
      rmSync(source, { recursive: true });
      rmSync(target, { recursive: true });
      writeCheckpoint(source, [[{ name: 'w', dtype: 'F32', shape: [3000], data: bits32(...bits) }, { name: 'tiny', dtype: 'F32', shape: [3000], data: bits32(...bits.map((value) => value & 0x80ffffff)) }]], FILES);
      await convertCheckpoint({ source, target, dtype: 'BF16', maxShardBytes: 7000 });
      expect((await audit()).verdict).toMatchObject({ value: 'pass' });
    }
  }, 30_000);

  it('every subnormal that is rounded to the nearest, and none that is a step away', async () => {
    const bits = [0x0, 0x1, 0x7fff, 0x8000, 0x8001, 0x17fff, 0x18000, 0x18001, 0x7f7fff, 0x7fffff, 0x800000];
    const tensor: GivenTensor = { name: 'w', dtype: 'F32', shape: [bits.length], data: bits32(...bits) };
    writeCheckpoint(source, [[tensor]], FILES);
    putTarget([[rounded(tensor)]]);
    expect((await audit()).verdict.value).toBe('pass');
    for (let i = 0; i < bits.length; i++) {
      const off = rounded(tensor);
      off.data = Buffer.from(off.data);
      off.data[2 * i] = ((off.data[2 * i] ?? 0) + 2) & 0xff;
      putTarget([[off]]);
      expect((await audit()).verdict.value, `subnormal ${i}`).toBe('fail');
    }
  });
});

const remake = (tensor: GivenTensor, change: (value: number, i: number) => number): GivenTensor => ({ ...tensor, dtype: 'BF16', data: bits16(...[...asFloats((GIVEN.find(({ name }) => name === tensor.name) as GivenTensor).data)].map(change)) });
const truncated = (value: number): number => new Uint32Array(Float32Array.of(value).buffer)[0] as number >>> 16;

const FAULTS: [string, () => void, string][] = [
  ['a dropped tensor', () => putTarget([[a], [ids, c]]), '1 tensor is missing from the target: b'],
  ['an extra tensor', () => putTarget([[a, b], [ids, c, { ...b, name: 'extra' }]]), '1 tensor is not in the source: extra'],
  ['a renamed tensor', () => putTarget([[a, { ...b, name: 'B' }], [ids, c]]), '1 tensor is not in the source: B'],
  ['a tensor in two shards', () => putTarget([[a, b], [ids, c, b]]), '1 tensor is in the target more than once: b'],
  ['truncation instead of rounding', () => putTarget([[remake(a, truncated), b], [ids, c]]), 'the tensor a has'],
  ['a single value that is off by one step', () => putTarget([[remake(a, (value, i) => (nearestBf16(value) ?? 0) + (i === 31 ? 1 : 0)), b], [ids, c]]), 'the tensor a has 1 of 32 values out of bounds, the first at 31'],
  ['a layer that is scaled by 1.01', () => putTarget([[remake(a, (value) => nearestBf16(Math.fround(value * 1.01)) ?? 0), b], [ids, c]]), 'out of bounds'],
  ['a layer of zeros', () => putTarget([[remake(a, () => 0), b], [ids, c]]), 'the tensor a has 32 of 32 values'],
  ['a changed sign', () => putTarget([[remake(a, (value) => (nearestBf16(value) ?? 0) ^ 0x8000), b], [ids, c]]), 'the tensor a has 32 of 32'],
  ['a NaN where a number was', () => putTarget([[remake(a, (value, i) => (i === 0 ? 0x7fc0 : nearestBf16(value) ?? 0)), b], [ids, c]]), 'became NaN'],
  ['an infinity where a small number was', () => putTarget([[remake(a, (value, i) => (i === 0 ? 0x7f80 : nearestBf16(value) ?? 0)), b], [ids, c]]), 'became Infinity'],
  ['two layers whose values were swapped', () => putTarget([[{ ...a, data: Buffer.concat([b.data, b.data]) }, { ...b, data: a.data.subarray(0, 32) }], [ids, c]]), 'the tensor a has'],
  ['a transposed shape', () => putTarget([[{ ...a, shape: [8, 4] }, b], [ids, c]]), 'the tensor a has the shape [8, 4], not [4, 8]'],
  ['a flattened shape', () => putTarget([[{ ...a, shape: [32] }, b], [ids, c]]), 'the tensor a has the shape [32]'],
  ['another dtype', () => putTarget([[{ ...a, dtype: 'F16' }, b], [ids, c]]), 'the tensor a is F16 where F32 becomes BF16'],
  ['a tensor that was not converted', () => putTarget([[GIVEN[0] as GivenTensor, b], [ids, c]]), 'the tensor a is F32 where'],
  ['changed integers', () => putTarget([[a, b], [{ ...ids, data: Buffer.alloc(16, 8) }, c]]), 'the tensor ids is I64 on both sides and its bytes differ'],
  ['a changed BF16 tensor', () => putTarget([[a, b], [ids, { ...c, data: bits16(0x3f80, 0x4000, 0xc001) }]]), 'the tensor c is BF16 on both sides'],
  ['a shard that is missing', () => rmSync(join(target, NAMES[1])), '2 tensors are missing from the target: ids, c'],
  ['a shard that was cut short', () => truncateSync(join(target, NAMES[1]), 200), `${NAMES[1]}: `],
  ['bytes after the last tensor', () => put(NAMES[1], Buffer.concat([readFileSync(join(target, NAMES[1])), Buffer.alloc(2)])), `${NAMES[1]}: its tensors end at byte`],
  ['a shard that the index does not name', () => put('other.safetensors', safetensorsBytes([], marked)), 'does not name other.safetensors'],
  ['a wrong total_size', () => index((value) => (value.metadata.total_size = 119)), 'gives total_size 119, and the tensors have 118 bytes'],
  ['no total_size', () => index((value) => delete value.metadata.total_size), 'gives total_size nowhere'],
  ['an index that puts a tensor into another shard', () => index((value) => (value.weight_map['a'] = NAMES[1])), `puts a into ${NAMES[1]}, which does not hold it`],
  ['an index without one tensor', () => index((value) => delete value.weight_map['a']), 'does not name the tensor a'],
  ['an index with one more tensor', () => index((value) => (value.weight_map['z'] = NAMES[1])), 'puts z into'],
  ['an index that is not JSON', () => put(INDEX, '{'), `${INDEX}: `],
  ['no index', () => rmSync(join(target, INDEX)), '2 files of weights and no model.safetensors.index.json'],
  ['a changed tokenizer', () => put('tokenizer.json', '{"model":[]}'), 'tokenizer.json: differs from the source\'s'],
  ['a lost tokenizer', () => rmSync(join(target, 'tokenizer.json')), 'tokenizer.json: is in the source and did not travel'],
  ['a file from elsewhere', () => put('modeling_x.py', 'import os'), 'modeling_x.py: is not in the source'],
  ['a link', () => symlinkSync('tokenizer.json', join(target, 'vocab.json')), 'vocab.json: is no regular file'],
  ['a shard that does not say whose tensors it holds', () => put(NAMES[1], safetensorsBytes([ids, c])), `${NAMES[1]}: its header has no __metadata__ {"format":"pt"}`],
  ['a shard for another framework', () => put(NAMES[1], safetensorsBytes([ids, c], (text) => marked(text).replace('pt', 'tf'))), `${NAMES[1]}: its header has no __metadata__ {"format":"pt"}`],
  ['a shard that is a pipe', () => { rmSync(join(target, NAMES[1])); execFileSync('mkfifo', [join(target, NAMES[1])]); }, `${NAMES[1]}: is no regular file`],
  ['an index that is a pipe', () => { rmSync(join(target, INDEX)); execFileSync('mkfifo', [join(target, INDEX)]); }, `${INDEX}: is no regular file`],
  ['an index of more than 64 MB', () => truncateSync(join(target, INDEX), 64_000_001), `${INDEX}: has 64000001 bytes`],
  ['a config of more than 4 MB', () => truncateSync(join(target, 'config.json'), 4_000_001), 'config.json: has 4000001 bytes'],
  ['a config that is nested deep', () => put('config.json', `{"x":${'['.repeat(100)}${']'.repeat(100)}}`), 'config.json: is nested deeper than 64 levels'],
  ['a config whose string never ends', () => put('config.json', `{"a":"${String.raw`\"`.repeat(200_000)}`), 'config.json: '],
  ...['sentencepiece.model', 'vocab.bpe', 'encoder.json', 'bpe.codes', 'source.spm'].map((name): [string, () => void, string] => [`a lost ${name}`, () => writeFileSync(join(source, name), 'x'), `${name}: is in the source and did not travel`]),
  ['a folder', () => mkdirSync(join(target, 'more')), 'more: is no regular file'],
  ['a config with its old dtype', () => put('config.json', FILES['config.json']), 'config.json: torch_dtype is not bfloat16'],
  ['a config that is changed elsewhere', () => put('config.json', CONFIG.replace('[1, 2]', '[1, 3]')), 'config.json: eos changed'],
  ['a config whose number is printed anew', () => put('config.json', CONFIG.replace('10000.0', '10000')), 'config.json: rope_theta changed'],
  ['a config with a field more', () => put('config.json', CONFIG.replace('{', '{"x": {"dtype": "bfloat16"}, ')), 'config.json: x changed from nothing'],
  ['no config', () => rmSync(join(target, 'config.json')), 'config.json: '],
  ['no target at all', () => rmSync(target, { recursive: true }), 'target: ENOENT'],
];

describe('the audit fails', () => {
  it.each(FAULTS)('%s', async (_, spoil, says) => {
    spoil();
    const { verdict, problems } = await audit();
    expect(verdict.value).toBe('fail');
    expect(verdict.reasons.join('\n')).toContain(says);
    expect(problems.join('\n')).toContain(says);
  });

  it('values that became infinite, and counts them', async () => {
    const tensor: GivenTensor = { name: 'w', dtype: 'F32', shape: [3], data: f32(3.4e38, -3.4e38, 3.38e38) };
    writeCheckpoint(source, [[tensor]], FILES);
    putTarget([[rounded(tensor)]]);
    const report = await audit();
    expect(report.values).toEqual({ compared: 3, nan: 0, infinite: 0, overflowed: 2 });
    expect(report.verdict.reasons[0]).toContain('2 finite values became infinite');
    expect(report.verdict.value).toBe('fail');
  });

  it.each([
    ['the largest value that has a finite nearest', 0x7f7f7fff, 0x7f80],
    ['a value that overflows to the other side', 0x7f7fffff, 0xff80],
  ])('an infinity for %s', async (_, from, to) => {
    const tensor: GivenTensor = { name: 'w', dtype: 'F32', shape: [1], data: bits32(from) };
    writeCheckpoint(source, [[tensor]], FILES);
    putTarget([[{ ...tensor, dtype: 'BF16', data: bits16(to) }]]);
    const report = await audit();
    expect(report.values.overflowed).toBe(0);
    expect(report.verdict.reasons[0]).toContain('the tensor w has 1 of 1 values out of bounds');
  });

  it.each([
    ['an infinity of the other sign', 0x7f800000, 0xff80],
    ['a number', 0x7f800000, 0x3f80],
    ['the largest number', 0xff800000, 0xff7f],
    ['a NaN', 0x7f800000, 0x7fc0],
  ])('%s for an infinity', async (_, from, to) => {
    const tensor: GivenTensor = { name: 'w', dtype: 'F32', shape: [1], data: bits32(from) };
    writeCheckpoint(source, [[tensor]], FILES);
    putTarget([[{ ...tensor, dtype: 'BF16', data: bits16(to) }]]);
    const report = await audit();
    expect(report.values.infinite).toBe(1);
    expect(report.verdict).toMatchObject({ value: 'fail', reasons: [expect.stringContaining('the tensor w has 1 of 1 values out of bounds'), expect.any(String)] });
  });

  it.each([
    ['a number', 0x3f80],
    ['an infinity', 0x7f80],
  ])('%s for a NaN', async (_, to) => {
    const tensor: GivenTensor = { name: 'w', dtype: 'F32', shape: [1], data: f32(NaN) };
    writeCheckpoint(source, [[tensor]], FILES);
    putTarget([[{ ...tensor, dtype: 'BF16', data: bits16(to) }]]);
    expect((await audit()).verdict.reasons[0]).toContain('the tensor w has 1 of 1 values out of bounds, the first at 0: NaN became');
  });

  it.each([0, 262_143, 262_144, 599_999])('a value at %i of a tensor that is read in several pieces', async (at) => {
    const tensor: GivenTensor = { name: 'w', dtype: 'F32', shape: [600_000], data: Buffer.from(new Float32Array(600_000).fill(1).buffer) };
    const copied: GivenTensor = { name: 'u', dtype: 'U8', shape: [1_200_000], data: Buffer.alloc(1_200_000) };
    const made = Buffer.from(new Uint16Array(600_000).fill(0x3f80).buffer);
    writeCheckpoint(source, [[tensor, copied]], FILES);
    putTarget([[{ ...tensor, dtype: 'BF16', data: made }, copied]]);
    expect((await audit()).verdict.value).toBe('pass');
    made[2 * at] = 0x81;
    putTarget([[{ ...tensor, dtype: 'BF16', data: made }, copied]]);
    expect((await audit()).verdict.reasons[0]).toBe(`the tensor w has 1 of 600000 values out of bounds, the first at ${at}: 1 became 1.0078125`);
    made[2 * at] = 0x80;
    const other = Buffer.alloc(1_200_000);
    other[2 * at] = 1;
    putTarget([[{ ...tensor, dtype: 'BF16', data: made }, { ...copied, data: other }]]);
    expect((await audit()).verdict.reasons[0]).toBe('the tensor u is U8 on both sides and its bytes differ');
  });

  it('with a report of bounded size, however much is wrong', async () => {
    const many = Array.from({ length: 500 }, (_, i): GivenTensor => ({ name: `layer.${i}.${'x'.repeat(200)}`, dtype: 'F32', shape: [1], data: f32(1) }));
    writeCheckpoint(source, [many], FILES);
    putTarget([many]);
    const report = await audit();
    expect(report.verdict.reasons).toHaveLength(20);
    expect(report.problems).toHaveLength(100);
    expect(report.problems.at(-1)).toBe('and 401 more');
  });
});

describe('the audit does not pass what it could not see', () => {
  const UNSEEN: [string, () => void, string][] = [
    ['a source that is damaged', () => writeFileSync(join(source, 'model.safetensors'), 'x'), 'source: model.safetensors: is too short'],
    ['a source that is gone', () => rmSync(source, { recursive: true }), 'source: ENOENT'],
    ['a source without config', () => rmSync(join(source, 'config.json')), 'the source\'s config.json could not be read'],
  ];
  it.each(UNSEEN)('%s', async (_, spoil, says) => {
    spoil();
    const { verdict, problems } = await audit();
    expect(verdict.value).not.toBe('pass');
    expect(problems.join('\n')).toContain(says);
  });

  it.each([
    ['zeros', f32(0, -0, 0, 0)],
    ['1e-42', f32(1e-42, -1e-42, 0, 1e-38)],
  ])('a matrix that holds nothing but %s, and names it', async (_, data) => {
    const matrix: GivenTensor = { name: 'lm_head', dtype: 'F32', shape: [2, 2], data };
    const flat: GivenTensor = { name: 'bias', dtype: 'F32', shape: [4], data };
    const copied: GivenTensor = { name: 'half', dtype: 'BF16', shape: [2, 2], data: bits16(0, 0x8000, 0x7f, 0) };
    const alive: GivenTensor = { name: 'alive', dtype: 'F32', shape: [2, 2], data: f32(0, 0, 0, 1e-37) };
    const tensors = [matrix, flat, copied, alive];
    writeCheckpoint(source, [tensors], FILES);
    putTarget([tensors.map(rounded)]);
    const { verdict } = await audit();
    expect(verdict).toEqual({ value: 'inconclusive', reasons: ['lm_head', 'half'].map((name) => expect.stringContaining(`the tensor ${name} holds nothing but zeros`) as string) });
  });

  it.each([
    ['did not travel', () => rmSync(join(target, 'tokenizer.json')), 'tokenizer.json: is no regular file in the source and did not travel'],
    ['is there as a file', () => undefined, 'tokenizer.json: is no regular file in the source, so that nothing'],
  ])('a tokenizer that is a link in the source and %s', async (_, spoil, says) => {
    rmSync(join(source, 'tokenizer.json'));
    writeFileSync(join(place, 'elsewhere'), FILES['tokenizer.json']);
    symlinkSync('../elsewhere', join(source, 'tokenizer.json'));
    spoil();
    const { verdict } = await audit();
    expect(verdict.value).toBe('inconclusive');
    expect(verdict.reasons.join()).toContain(says);
  });

  it('a tokenizer of a kind that it does not know, where no other travelled', async () => {
    for (const folder of [source, target]) rmSync(join(folder, 'tokenizer.json'));
    expect((await audit()).verdict.reasons.join()).not.toContain('carried');
    writeFileSync(join(source, 'my_vocab.bin'), 'x');
    expect((await audit()).verdict).toEqual({ value: 'inconclusive', reasons: ['no file of a tokenizer travelled, and the source has my_vocab.bin'] });
  });

  it('names what was left behind, at most a hundred of it', async () => {
    mkdirSync(join(source, 'global_step5'));
    for (const name of ['optimizer.pt', 'tokenizer.model.bak']) writeFileSync(join(source, name), 'x');
    expect(await audit()).toMatchObject({ verdict: { value: 'pass' }, left: ['global_step5/', 'optimizer.pt', 'tokenizer.model.bak'] });
    for (let i = 0; i < 150; i++) writeFileSync(join(source, `${String(i).padStart(3, '0')}.pt`), '');
    const { left } = await audit();
    expect(left).toHaveLength(100);
    expect(left.at(-1)).toBe('and 54 more');
  });

  it('a dtype that it has no rule for', async () => {
    const half: GivenTensor = { name: 'h', dtype: 'F16', shape: [1], data: bits16(0) };
    writeCheckpoint(source, [[half]], FILES);
    putTarget([[half]]);
    expect((await audit()).verdict).toEqual({ value: 'inconclusive', reasons: ['the tensor h is F16, for which the audit has no rule'] });
  });

  it('NaN and infinities of the source, which it leaves to a person', async () => {
    const tensors: GivenTensor[] = [{ name: 'w', dtype: 'F32', shape: [3], data: f32(NaN, -Infinity, 1) }, { name: 'v', dtype: 'BF16', shape: [2], data: bits16(0x7fff, 0xff80) }];
    writeCheckpoint(source, [tensors], FILES);
    putTarget([tensors.map(rounded)]);
    const report = await audit();
    expect(report.values).toEqual({ compared: 5, nan: 2, infinite: 2, overflowed: 0 });
    expect(report.verdict.value).toBe('inconclusive');
  });

  it('stops when it is told to in the middle of a tensor', async () => {
    const tensor: GivenTensor = { name: 'w', dtype: 'F32', shape: [2_000_000], data: Buffer.from(new Float32Array(2_000_000).fill(1).buffer) };
    writeCheckpoint(source, [[tensor]], FILES);
    putTarget([[{ ...tensor, dtype: 'BF16', data: Buffer.from(new Uint16Array(2_000_000).fill(0x3f80).buffer) }]]);
    await expect(auditConversion({ source, target, signal: abortsAtLook(4) })).rejects.toThrow('told to stop');
    // Among the files beside the weights too: the tensor's looks are 1 and one for each of 8 pieces.
    await expect(auditConversion({ source, target, signal: abortsAtLook(10) })).rejects.toThrow('told to stop');
  });

  it('stops when it is told to', async () => {
    await expect(auditConversion({ source, target, signal: AbortSignal.abort(new Error('told to stop')) })).rejects.toThrow('told to stop');
  });
});

it('shares no code with the converter but the form of the report', () => {
  const files = new Map(sourceFiles('src').map((file) => [file.path, file]));
  const reached = new Set<string>();
  const walk = (path: string): void => {
    const file = files.get(path);
    if (file === undefined || reached.has(path)) return;
    reached.add(path);
    for (const { specifier } of importsOf(file)) if (specifier.startsWith('.')) walk(resolveImport(path, specifier) ?? '');
  };
  walk('src/engines/checkpoints/audit/audit.ts');
  const own = [...reached].filter((path) => path.startsWith('src/engines/checkpoints/audit/'));
  expect(own).toHaveLength(sourceFiles('src/engines/checkpoints/audit').length);
  expect([...reached].filter((path) => !own.includes(path)).sort()).toEqual(['src/domain/reports/audit-report.ts', 'src/domain/reports/verdict.ts', 'src/domain/text.ts']);
});
