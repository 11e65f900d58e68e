import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { SafetensorsFile } from '../../../src/engines/safetensors/safetensors-file.js';
import { encodeHeader, SafetensorsWriter } from '../../../src/engines/safetensors/safetensors-writer.js';

let path: string;
let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'modelferry-writer-'));
  path = join(place, 'x.safetensors');
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

const SPECS = [
  { name: 'b', dtype: 'U8', shape: [3] },
  { name: '7', dtype: 'BF16', shape: [] },
] as const;

async function* pieces(...parts: number[][]): AsyncGenerator<Uint8Array, void, undefined> {
  for (const part of parts) yield Uint8Array.from(part);
}

it('writes these very bytes, whatever the names, and the reader takes them', async () => {
  const writer = await SafetensorsWriter.create(path, SPECS);
  await writer.writeTensor('b', pieces([1], [2, 3]));
  await writer.writeTensor('7', pieces([4, 5]));
  const size = await writer.finish();
  const json = '{"__metadata__":{"format":"pt"},"b":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"7":{"dtype":"BF16","shape":[],"data_offsets":[3,5]}}';
  const padded = json.padEnd(Math.ceil(json.length / 8) * 8);
  expect(readFileSync(path)).toEqual(Buffer.concat([Buffer.from([padded.length, 0, 0, 0, 0, 0, 0, 0]), Buffer.from(padded), Buffer.from([1, 2, 3, 4, 5])]));
  expect(size).toBe(8 + padded.length + 5);
  const file = await SafetensorsFile.open(path);
  expect(file.header.tensors.map(({ name, dtype, shape }) => ({ name, dtype, shape }))).toEqual(SPECS);
  await file.close();
});

it.each([1, 2, 3, 4, 5, 6, 7, 8])('begins the data at a multiple of 8 for a name of %i letters', (letters) => {
  const header = encodeHeader('x', [{ name: 'n'.repeat(letters), dtype: 'U8', shape: [1] }]);
  expect(header.length % 8).toBe(0);
  expect(Number(header.readBigUInt64LE())).toBe(header.length - 8);
});

it('refuses what it was not told of', async () => {
  expect(() => encodeHeader('x', [SPECS[0], SPECS[0]])).toThrow(/"b": cannot be written twice/);
  const writer = await SafetensorsWriter.create(path, SPECS);
  await expect(writer.writeTensor('7', pieces([1, 2]))).rejects.toMatchObject({ code: 'write_mismatch', tensor: '7' });
  await expect(writer.finish()).rejects.toMatchObject({ code: 'write_mismatch', tensor: 'b' });
  await expect(writer.writeTensor('b', pieces([1, 2]))).rejects.toMatchObject({ message: expect.stringContaining('was given 2 bytes where 3 were announced') as string });
  await writer.abandon();
});

it('never writes over a file', async () => {
  writeFileSync(path, 'precious');
  await expect(SafetensorsWriter.create(path, SPECS)).rejects.toMatchObject({ code: 'EEXIST' });
  expect(existsSync(path) && readFileSync(path, 'utf8')).toBe('precious');
});
