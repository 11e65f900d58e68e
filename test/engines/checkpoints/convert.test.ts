import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { convertCheckpoint, type ConversionResult } from '../../../src/engines/checkpoints/convert.js';
import { CheckpointReader } from '../../../src/engines/safetensors/checkpoint-reader.js';
import { abortsAtLook, asBits16, asFloats, bf16Value, bits16, f32, nearestBf16, seeded, tensorsIn, writeCheckpoint, type GivenTensor } from '../../support/checkpoints.js';

let place: string;
let source: string;
let target: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'modelferry-convert-'));
  source = join(place, 'source');
  target = join(place, 'target');
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

const convert = (extra: Partial<Parameters<typeof convertCheckpoint>[0]> = {}): Promise<ConversionResult> => convertCheckpoint({ source, target, dtype: 'BF16', maxShardBytes: 1 << 30, ...extra });
const weights = (folder: string): string[] => readdirSync(folder).filter((name) => name.endsWith('.safetensors')).sort();
const tensor = (name: string, values: number): GivenTensor => ({ name, dtype: 'F32', shape: [values], data: f32(...Array.from({ length: values }, (_, i) => i / 3)) });

/** A checkpoint of tensors of all dtypes that are taken, with any bits, in shards of any size. */
function randomShards(random: () => number): GivenTensor[][] {
  const below = (n: number): number => Math.floor(random() * n);
  const names = new Set(Array.from({ length: 1 + below(12) }, () => `layers.${below(1000)}.${['weight', 'é', '12', 'a"b'][below(4)]}`));
  const shards: GivenTensor[][] = Array.from({ length: 1 + below(3) }, () => []);
  for (const name of names) {
    const [dtype, width] = ([['F32', 4], ['F32', 4], ['BF16', 2], ['I64', 8], ['BOOL', 1]] as const)[below(5)] ?? (['F32', 4] as const);
    const shape = Array.from({ length: below(3) }, () => below(7));
    const data = Buffer.from(Array.from({ length: shape.reduce((product, n) => product * n, width) }, () => below(256)));
    shards[below(shards.length)]?.push({ name, dtype, shape, data });
  }
  return shards.filter((shard) => shard.length > 0);
}

/** Tells every difference of the target from what the source's tensors must become. */
function differences(before: readonly GivenTensor[], folder: string): string[] {
  const after = new Map(weights(folder).flatMap((file) => tensorsIn(readFileSync(join(folder, file))).map((t) => [t.name, t] as const)));
  const problems: string[] = [];
  for (const given of before) {
    const got = after.get(given.name);
    const isRounded = given.dtype === 'F32';
    if (got === undefined || got.dtype !== (isRounded ? 'BF16' : given.dtype) || JSON.stringify(got.shape) !== JSON.stringify(given.shape)) problems.push(`${given.name}: ${got?.dtype} ${JSON.stringify(got?.shape)}`);
    else if (!isRounded && !Buffer.from(got.data).equals(given.data)) problems.push(`${given.name}: bytes`);
    else if (isRounded) {
      const bits = asBits16(got.data);
      for (const [i, value] of asFloats(given.data).entries()) {
        const right = nearestBf16(value);
        if (right === undefined ? !Number.isNaN(bf16Value(bits[i] ?? 0)) : bits[i] !== right) problems.push(`${given.name}[${i}]: ${value} became ${bits[i]}`);
      }
    }
  }
  return after.size === before.length ? problems : [...problems, `${after.size} tensors for ${before.length}`];
}

describe('a conversion', () => {
  it.each(Array.from({ length: 25 }, (_, seed) => seed))('turns every tensor of a random checkpoint into the nearest, whole and readable (seed %i)', async (seed) => {
    const random = seeded(seed);
    const shards = randomShards(random);
    writeCheckpoint(source, shards);
    const maxShardBytes = 1 + Math.floor(random() * 300);
    const result = await convert({ maxShardBytes });
    expect(differences(shards.flat(), target)).toEqual([]);
    const reader = await CheckpointReader.open(target);
    expect(reader.tensors.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(result.bytesOut);
    const filled = new Map<string, number[]>();
    for (const { file, bytes } of reader.tensors) filled.set(file, [...(filled.get(file) ?? []), bytes]);
    for (const sizes of filled.values()) expect(sizes.filter((bytes) => bytes > 0).length === 1 || sizes.reduce((sum, bytes) => sum + bytes, 0) <= maxShardBytes).toBe(true);
    await reader.close();
  });

  it('is right across the pieces that a large tensor is read in', async () => {
    const random = seeded(99);
    const values = Float32Array.from({ length: 300_001 }, () => (random() - 0.5) * 2 ** (random() * 200 - 100));
    const large: GivenTensor = { name: 'large', dtype: 'F32', shape: [300_001], data: Buffer.from(values.buffer) };
    const copied: GivenTensor = { name: 'copied', dtype: 'U8', shape: [2_200_003], data: Buffer.alloc(2_200_003, 'no period of a power of two') };
    writeCheckpoint(source, [[large, copied]]);
    await convert();
    expect(differences([large, copied], target)).toEqual([]);
  }, 30_000);

  it('gives the same bytes each time', async () => {
    writeCheckpoint(source, [[tensor('b', 40), tensor('a', 4)], [tensor('c', 50)]], { 'tokenizer.json': '{}' });
    await convert({ maxShardBytes: 100 });
    await convert({ maxShardBytes: 100, target: `${target}-2` });
    expect(readdirSync(`${target}-2`)).toEqual(readdirSync(target));
    for (const name of readdirSync(target)) expect(readFileSync(join(`${target}-2`, name)), name).toEqual(readFileSync(join(target, name)));
  });

  it('fills shards in the order of the source, gives a large tensor its own and names them as Hugging Face does', async () => {
    writeCheckpoint(source, [[tensor('z', 20), tensor('y', 20)], [tensor('large', 200), tensor('x', 10)]]);
    await convert({ maxShardBytes: 100 });
    const index = JSON.parse(readFileSync(join(target, 'model.safetensors.index.json'), 'utf8')) as unknown;
    const shard = (n: number): string => `model-0000${n}-of-00003.safetensors`;
    expect(index).toEqual({ metadata: { total_size: 500 }, weight_map: { z: shard(1), y: shard(1), large: shard(2), x: shard(3) } });
    expect(weights(target)).toEqual([1, 2, 3].map(shard));
  });

  it.each([
    [80, 1],
    [79, 2],
  ])('takes a limit of %i bytes at its word', async (maxShardBytes, shards) => {
    writeCheckpoint(source, [[tensor('z', 20), tensor('y', 20)]]);
    expect((await convert({ maxShardBytes })).shards).toBe(shards);
  });

  it('begins every tensor at a multiple of its element', async () => {
    writeCheckpoint(source, [[{ name: 'flag', dtype: 'BOOL', shape: [1], data: Buffer.alloc(1) }, tensor('w', 3), { name: 'n', dtype: 'I64', shape: [1], data: Buffer.alloc(8) }]]);
    await convert();
    expect(tensorsIn(readFileSync(join(target, 'model.safetensors'))).map(({ name }) => name)).toEqual(['n', 'w', 'flag']);
  });

  it('carries what a loader needs, leaves the rest and names it', async () => {
    const travels = ['generation_config.json', 'tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'added_tokens.json', 'vocab.json', 'merges.txt', 'tokenizer.model', 'sentencepiece.model', 'vocab.bpe', 'encoder.json', 'bpe.codes', 'source.spm', 'target.spm', 'chat_template.jinja', 'preprocessor_config.json', 'video_preprocessor_config.json', 'processor_config.json', 'configuration_tiny.py', 'qwen.tiktoken', 'LICENSE'];
    const stays = ['trainer_state.json', 'optimizer.pt', 'scheduler.pt', 'rng_state_0.pth', 'training_args.bin', 'README.md', 'tokenizer.model.bak', 'events.out.tfevents.1'];
    writeCheckpoint(source, [[tensor('a', 1)]], Object.fromEntries([...travels, ...stays].map((name) => [name, `${name}'s content`])));
    mkdirSync(join(source, 'global_step5'));
    symlinkSync('optimizer.pt', join(source, 'latest'));
    const { carried, left } = await convert();
    expect(carried).toEqual([...travels].sort());
    expect(left).toEqual([...stays, 'global_step5/', 'latest'].sort());
    for (const name of travels) expect(readFileSync(join(target, name), 'utf8')).toBe(`${name}'s content`);
    expect(readdirSync(target).sort()).toEqual([...travels, 'config.json', 'model.safetensors'].sort());
  });

  it('counts what became infinite, and what was', async () => {
    writeCheckpoint(source, [[{ name: 'a', dtype: 'F32', shape: [4], data: f32(NaN, -Infinity, 3.4e38, 1) }, { name: 'b', dtype: 'BF16', shape: [1], data: bits16(0x7fc0) }]]);
    expect((await convert()).values).toEqual({ nan: 1, infinite: 1, overflowed: 1 });
  });
});

describe('a conversion that cannot be', () => {
  it.each(['F16', 'F64', 'F8_E4M3'])('refuses %s as not supported yet, and names the tensor', async (dtype) => {
    writeCheckpoint(source, [[tensor('a', 1), { name: 'w', dtype, shape: [1], data: Buffer.alloc({ F16: 2, F64: 8 }[dtype] ?? 1) }]]);
    await expect(convert()).rejects.toMatchObject({ code: 'dtype_unsupported', message: `model.safetensors: tensor "w" is ${dtype}: converting it to BF16 is not supported yet` });
    expect(readdirSync(place)).toEqual(['source']);
  });

  it('needs config.json', async () => {
    writeCheckpoint(source, [[tensor('a', 1)]]);
    rmSync(join(source, 'config.json'));
    await expect(convert()).rejects.toMatchObject({ code: 'config_missing' });
  });

  it('refuses a config.json that is a link, and one of more than 4 MB', async () => {
    writeCheckpoint(source, [[tensor('a', 1)]]);
    truncateSync(join(source, 'config.json'), 4_000_001);
    await expect(convert()).rejects.toMatchObject({ code: 'config_invalid', message: 'config.json has 4000001 bytes; at most 4000000 are read' });
    rmSync(join(source, 'config.json'));
    writeFileSync(join(place, 'elsewhere'), '{}');
    symlinkSync('../elsewhere', join(source, 'config.json'));
    await expect(convert()).rejects.toMatchObject({ code: 'config_invalid', message: 'config.json is no regular file' });
  });

  it('refuses a tokenizer that is a link, instead of leaving it behind', async () => {
    writeCheckpoint(source, [[tensor('a', 1)]]);
    symlinkSync('elsewhere', join(source, 'tokenizer.json'));
    await expect(convert()).rejects.toMatchObject({ code: 'file_refused', message: expect.stringContaining('tokenizer.json') as string });
    expect(readdirSync(place)).toEqual(['source']);
  });

  it('leaves nothing when it is stopped in the middle of a tensor', async () => {
    writeCheckpoint(source, [[{ name: 'large', dtype: 'F32', shape: [2_000_000], data: Buffer.alloc(8_000_000) }]]);
    await expect(convert({ signal: abortsAtLook(4) })).rejects.toThrow('told to stop');
    expect(readdirSync(place)).toEqual(['source']);
  });

  it('writes over nothing', async () => {
    writeCheckpoint(source, [[tensor('a', 1)]]);
    mkdirSync(target);
    writeFileSync(join(target, 'precious'), '');
    await expect(convert()).rejects.toMatchObject({ code: 'output_exists' });
    expect(readdirSync(target)).toEqual(['precious']);
  });

  it('leaves nothing when it is stopped between two tensors', async () => {
    writeCheckpoint(source, [[tensor('a', 1), tensor('b', 1), tensor('c', 1)]]);
    const stop = new AbortController();
    const seen: number[] = [];
    const stopped = convert({ signal: stop.signal, onProgress: ({ tensors }) => { seen.push(tensors); if (tensors === 2) stop.abort(new Error('told to stop')); } });
    await expect(stopped).rejects.toThrow('told to stop');
    expect(seen).toEqual([1, 2]);
    expect(readdirSync(place)).toEqual(['source']);
  });

  it('leaves nothing when the source turns out to be cut short while it is read', async () => {
    writeCheckpoint(source, [[tensor('a', 10)], [tensor('b', 10)]]);
    const second = join(source, 'model-00002-of-00002.safetensors');
    const broken = convert({ onProgress: () => writeFileSync(second, readFileSync(second).subarray(0, -8)) });
    await expect(broken).rejects.toMatchObject({ code: 'shrank_while_read', tensor: 'b' });
    expect(readdirSync(place)).toEqual(['source']);
    expect(existsSync(target)).toBe(false);
  });
});
