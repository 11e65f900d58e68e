import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ChunkRing } from '../../../src/engines/safetensors/chunks.js';
import { SafetensorsFile } from '../../../src/engines/safetensors/safetensors-file.js';
import type { SafetensorsCode } from '../../../src/engines/safetensors/safetensors-error.js';
import { f32, safetensorsBytes, seeded, withHeader, type GivenTensor } from '../../support/checkpoints.js';

let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'modelferry-safetensors-'));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

async function opened(bytes: Uint8Array): Promise<SafetensorsFile> {
  const path = join(place, 'x.safetensors');
  writeFileSync(path, bytes);
  const file = await SafetensorsFile.open(path);
  await file.close();
  return file;
}

const a: GivenTensor = { name: 'a', dtype: 'F32', shape: [2], data: f32(1, 2) };
const b: GivenTensor = { name: 'b', dtype: 'F32', shape: [2], data: f32(3, 4) };
const entry = (dtype: unknown, shape: unknown, offsets: unknown): string => JSON.stringify({ a: { dtype, shape, data_offsets: offsets } });
const announces = (length: bigint): Buffer => {
  const bytes = Buffer.alloc(64, ' ');
  bytes.writeBigUInt64LE(length);
  return bytes;
};

const WRONG: [SafetensorsCode, string, Uint8Array, string][] = [
  ['file_too_short', 'an empty file', Buffer.alloc(0), 'has 0 bytes'],
  ['file_too_short', 'a file of 7 bytes', Buffer.alloc(7), 'has 7 bytes'],
  ['header_too_large', 'a length of 100 MB and one', announces(100_000_001n), '100000001 bytes, more than the 100000000'],
  ['header_too_large', 'a length beyond any number', announces(0xffff_ffff_ffff_ffffn), '18446744073709551615 bytes'],
  ['header_truncated', 'a length beyond the file', announces(57n), 'only 64 in all: it was cut short'],
  ['header_not_utf8', 'a header in Latin 1', withHeader(Buffer.from('{"\xe9":1}', 'latin1')), 'not UTF-8'],
  ['header_not_json', 'half a header', withHeader('{"a":'), 'not JSON'],
  ['header_not_json', 'an empty header', withHeader(''), 'not JSON'],
  ['header_not_json', 'a byte order mark', withHeader('\uFEFF{}'), 'not JSON'],
  ['header_not_json', 'a header that is a list', withHeader('[]'), 'no JSON object'],
  ['header_not_json', 'a header that is null', withHeader('null'), 'no JSON object'],
  ['header_not_json', 'a header that is nested deep', withHeader(`${'{"a":'.repeat(65)}1${'}'.repeat(65)}`), 'deeper than 64'],
  ['header_not_json', 'a header of lists that are nested deep', withHeader(`{"a":${'['.repeat(64)}${']'.repeat(64)}}`), 'deeper than 64'],
  ['duplicate_name', 'a tensor that is there twice', safetensorsBytes([a], (text) => `${text.slice(0, -1)},${text.slice(1)}`), 'tensor "a": its header has "a" twice'],
  ['duplicate_name', 'a name that is there twice, once escaped', safetensorsBytes([a], (text) => `${text.slice(0, -1)},${text.slice(1).replace('"a"', String.raw`"\u0061"`)}`), '"a" twice'],
  ['duplicate_name', 'a field that is there twice', safetensorsBytes([a], (text) => text.replace('"dtype"', '"dtype":"F32","dtype"')), '"dtype" twice'],
  ['metadata_invalid', 'metadata that hold a number', withHeader('{"__metadata__":{"step":1}}'), '__metadata__'],
  ['entry_invalid', 'an entry without shape', withHeader('{"a":{"dtype":"F32","data_offsets":[0,0]}}'), 'tensor "a": its entry'],
  ['entry_invalid', 'an entry with another field', withHeader('{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0],"x":1}}'), 'tensor "a": its entry'],
  ['entry_invalid', 'a dtype that is no text', withHeader(entry(1, [0], [0, 0])), 'tensor "a": its entry'],
  ['dtype_unknown', 'a dtype that the format does not know', withHeader(entry('F128', [0], [0, 0])), '"F128"'],
  ['dtype_unknown', 'a dtype that every object has', withHeader(entry('toString', [0], [0, 0])), '"toString"'],
  ['shape_invalid', 'a negative dimension', withHeader(entry('F32', [-1], [0, 0])), '[-1]'],
  ['shape_invalid', 'half a dimension', withHeader(entry('F32', [0.5], [0, 2]), Buffer.alloc(2)), '[0.5]'],
  ['shape_invalid', 'more elements than can be counted', withHeader(entry('F32', [2 ** 40, 2 ** 40], [0, 0])), 'too many'],
  ['shape_invalid', 'three elements of four bits', withHeader(entry('F4', [3], [0, 1]), Buffer.alloc(1)), 'no whole number of bytes'],
  ['offsets_invalid', 'an end before its begin', withHeader(entry('F32', [0], [4, 0])), '[4,0]'],
  ['offsets_invalid', 'one offset', withHeader(entry('F32', [0], [0])), '[0]'],
  ['offsets_invalid', 'a negative begin', withHeader(entry('F32', [1], [-4, 0])), '[-4,0]'],
  ['offsets_invalid', 'an offset beyond what can be counted', withHeader(entry('F32', [1], [0, 2 ** 60])), 'begin not after end'],
  ['size_mismatch', 'fewer bytes than the shape', withHeader(entry('F32', [2], [0, 4]), Buffer.alloc(4)), 'has 4 bytes; F32 of shape [2] has 8'],
  ['data_truncated', 'a file that was cut short', safetensorsBytes([a, b]).subarray(0, -1), 'tensor "b": ends at byte'],
  ['tensors_overlap', 'two tensors over the same bytes', safetensorsBytes([a, b], (text) => text.replace('[8,16]', '[4,12]')).subarray(0, -4), 'tensor "b": begins at byte'],
  ['hole', 'bytes between two tensors', withHeader('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}}', Buffer.alloc(4)), 'the 2 before it belong to no tensor'],
  ['trailing_bytes', 'bytes after the last tensor', Buffer.concat([safetensorsBytes([a]), Buffer.alloc(3)]), 'the last 3 bytes'],
];

describe('a safetensors header', () => {
  it.each(WRONG)('is refused as %s: %s', async (code, _, bytes, says) => {
    const error = await opened(bytes).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: 'SafetensorsError', code, file: 'x.safetensors' });
    expect(String(error)).toContain('x.safetensors');
    expect(String(error)).toContain(says);
    expect(String(error).split('\n')).toHaveLength(1);
  });

  it.each([
    ['that is nested a hundred thousand levels deep', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
    ['whose long name has many members', `{"${'n'.repeat(1_000_000)}":{${Array.from({ length: 20_000 }, (_, i) => `"${i}":0`).join(',')}}}`],
  ])('is refused at once %s', async (_, header) => {
    const begin = performance.now();
    await expect(opened(withHeader(header))).rejects.toMatchObject({ name: 'SafetensorsError' });
    expect(performance.now() - begin).toBeLessThan(2000);
  }, 60_000);

  it('is read with scalars, empty tensors, padding, metadata and names of any kind', async () => {
    const empty: GivenTensor = { name: 'empty', dtype: 'I64', shape: [2 ** 40, 2 ** 40, 0], data: Buffer.alloc(0) };
    const scalar: GivenTensor = { name: '__proto__', dtype: 'BOOL', shape: [], data: Buffer.alloc(1, 1) };
    const numbered: GivenTensor = { ...b, name: '12' };
    const file = await opened(safetensorsBytes([a, empty, numbered, scalar], (text) => `{"__metadata__":{"format":"pt","quoted":"\\"{[,:"},${text.slice(1)}      `));
    expect(file.header.tensors.map(({ name, bytes }) => [name, bytes])).toEqual([['a', 8], ['empty', 0], ['12', 8], ['__proto__', 1]]);
    expect(file.header.metadata).toEqual({ format: 'pt', quoted: '"{[,:' });
  });

  it('holds metadata of many megabytes', async () => {
    const text = 'x\\n'.repeat(5_000_000);
    const file = await opened(safetensorsBytes([a], (header) => `{"__metadata__":{"long":"${text}"},${header.slice(1)}`));
    expect(file.header.metadata['long']).toHaveLength(10_000_000);
  });

  it('survives any damage: it opens or is refused by name, and no read leaves the file', async () => {
    const random = seeded(7);
    const whole = safetensorsBytes([a, { ...b, dtype: 'BF16', shape: [4] }]);
    let refused = 0;
    for (let round = 0; round < 400; round++) {
      const damaged = Buffer.from(whole.subarray(0, random() < 0.3 ? Math.floor(random() * whole.length) : whole.length));
      for (let hits = 0; hits < 3 && damaged.length > 0; hits++) damaged[Math.floor(random() * damaged.length)] = Math.floor(random() * 256);
      try {
        const { header } = await opened(damaged);
        for (const { begin, bytes } of header.tensors) expect(begin + bytes).toBeLessThanOrEqual(damaged.length);
      } catch (error) {
        expect(error).toMatchObject({ name: 'SafetensorsError' });
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(200);
  }, 30_000);
});

describe('a tensor', () => {
  it('comes in pieces of at most the chunk, each as it is until the one after the next', async () => {
    const data = Buffer.from(Array.from({ length: 100 }, (_, i) => i));
    const path = join(place, 'x.safetensors');
    writeFileSync(path, safetensorsBytes([a, { name: 't', dtype: 'U8', shape: [100], data }, b]));
    const file = await SafetensorsFile.open(path);
    const tensor = file.header.tensors[1];
    const pieces: { piece: Uint8Array; copy: Buffer }[] = [];
    if (tensor === undefined) throw new Error('no tensor');
    for await (const piece of file.readTensor(tensor, new ChunkRing(24))) {
      const before = pieces.at(-1);
      if (before !== undefined) expect(Buffer.from(before.piece)).toEqual(before.copy);
      pieces.push({ piece, copy: Buffer.from(piece) });
    }
    await file.close();
    expect(pieces.map(({ copy }) => copy.length)).toEqual([24, 24, 24, 24, 4]);
    expect(Buffer.concat(pieces.map(({ copy }) => copy))).toEqual(data);
  });

  it('is refused as cut short where the file shrinks while it is read', async () => {
    const path = join(place, 'x.safetensors');
    writeFileSync(path, safetensorsBytes([{ name: 't', dtype: 'U8', shape: [96], data: Buffer.alloc(96) }]));
    const file = await SafetensorsFile.open(path);
    truncateSync(path, 100);
    const read = async (): Promise<void> => {
      for (const tensor of file.header.tensors) for await (const piece of file.readTensor(tensor, new ChunkRing(8))) expect(piece).toHaveLength(8);
    };
    await expect(read()).rejects.toMatchObject({ code: 'shrank_while_read', tensor: 't' });
    await file.close();
  });
});
