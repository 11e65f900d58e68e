import { execFileSync } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CheckpointReader } from '../../../src/engines/safetensors/checkpoint-reader.js';
import type { SafetensorsCode } from '../../../src/engines/safetensors/safetensors-error.js';
import { f32, safetensorsBytes, writeCheckpoint, type GivenTensor } from '../../support/checkpoints.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'modelferry-checkpoint-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const tensor = (name: string): GivenTensor => ({ name, dtype: 'F32', shape: [2], data: f32(1, 2) });
const FIRST = 'model-00001-of-00002.safetensors';
const SECOND = 'model-00002-of-00002.safetensors';
const INDEX = 'model.safetensors.index.json';
const put = (name: string, content: string | Uint8Array): void => writeFileSync(join(folder, name), content);
const index = (weight_map: unknown, metadata: unknown = { total_size: 16 }): void => put(INDEX, JSON.stringify({ metadata, weight_map }));
const WHOLE = { a: FIRST, b: SECOND };

it('opens one file, and the shards of an index, with every tensor in the order of the files', async () => {
  writeCheckpoint(folder, [[tensor('z'), tensor('a')], [tensor('b')]]);
  const sharded = await CheckpointReader.open(folder);
  expect(sharded.tensors.map(({ name, file }) => [name, file])).toEqual([['z', FIRST], ['a', FIRST], ['b', SECOND]]);
  await sharded.close();
  put(INDEX, JSON.stringify({ weight_map: { z: FIRST, a: FIRST, b: SECOND } }));
  await (await CheckpointReader.open(folder)).close();

  rmSync(folder, { recursive: true });
  writeCheckpoint(folder, [[tensor('a')]]);
  const single = await CheckpointReader.open(folder);
  expect(single.tensors.map(({ name, file }) => [name, file])).toEqual([['a', 'model.safetensors']]);
  await single.close();
});

const WRONG: [SafetensorsCode, string, () => void, string][] = [
  ['no_weights', 'a folder without weights', () => ['model.safetensors.index.json', FIRST, SECOND].forEach((name) => rmSync(join(folder, name))), 'neither it nor'],
  ['no_weights', 'weights without a tensor', () => { rmSync(folder, { recursive: true }); writeCheckpoint(folder, [[]]); }, 'no tensor'],
  ['index_invalid', 'an index that is not JSON', () => put(INDEX, '{'), 'not JSON'],
  ['index_invalid', 'an index without a map', () => put(INDEX, '{"metadata":{}}'), 'weight_map'],
  ['index_invalid', 'an index that is nested deep', () => put(INDEX, `{"weight_map":{"a":"${FIRST}","b":"${SECOND}"},"x":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}}`), 'deeper than 64'],
  ['index_invalid', 'an index of more than 64 MB', () => truncateSync(join(folder, INDEX), 64_000_001), 'has 64000001 bytes'],
  ['index_invalid', 'an index that is a link', () => { renameSync(join(folder, INDEX), join(folder, 'elsewhere')); symlinkSync('elsewhere', join(folder, INDEX)); }, 'no regular file'],
  ['index_invalid', 'an index that is a pipe', () => { rmSync(join(folder, INDEX)); execFileSync('mkfifo', [join(folder, INDEX)]); }, 'no regular file'],
  ['index_invalid', 'an empty map', () => index({}), 'names no tensor'],
  ['index_invalid', 'a shard that is a number', () => index({ a: 1 }), 'weight_map.a'],
  ['duplicate_name', 'a tensor that the index has twice', () => put(INDEX, `{"weight_map":{"a":"${FIRST}","a":"${SECOND}"}}`), '"a": is named twice'],
  ['path_refused', 'a shard in the folder above', () => index({ ...WHOLE, b: '../secret.safetensors' }), '"../secret.safetensors"'],
  ['path_refused', 'a shard by its absolute path', () => index({ ...WHOLE, b: '/etc/passwd' }), '"/etc/passwd"'],
  ['path_refused', 'a shard in a folder below', () => index({ ...WHOLE, b: 'x/y.safetensors' }), 'no plain file name'],
  ['path_refused', 'a shard named ..', () => index({ ...WHOLE, b: '..' }), 'no plain file name'],
  ['path_refused', 'a shard that is a link', () => { renameSync(join(folder, SECOND), join(folder, 'elsewhere')); symlinkSync('elsewhere', join(folder, SECOND)); }, 'no regular file'],
  ['shard_missing', 'a shard that is not there', () => rmSync(join(folder, SECOND)), 'is not there'],
  ['shards_incomplete', 'two of three shards', () => index({ a: 'model-00001-of-00003.safetensors', b: 'model-00003-of-00003.safetensors' }), '1 to 3 of 3'],
  ['shard_unindexed', 'a shard that the index does not know', () => put('old.safetensors', safetensorsBytes([tensor('c')])), 'old.safetensors: lies beside'],
  ['tensor_missing', 'a tensor of the index that no shard has', () => index({ ...WHOLE, c: SECOND }), 'tensor "c": is named by the index'],
  ['tensor_unindexed', 'a tensor that the index does not know', () => put(SECOND, safetensorsBytes([tensor('b'), tensor('c')])), 'tensor "c": is not in the index'],
  ['tensor_unindexed', 'a tensor in another shard than the index says', () => index({ a: SECOND, b: FIRST }), 'stands in the index under'],
  ['duplicate_name', 'a tensor in two shards', () => put(SECOND, safetensorsBytes([tensor('b'), tensor('a')])), `is in ${FIRST} too`],
  ['total_size_mismatch', 'a total_size that is not the sum', () => index(WHOLE, { total_size: 17 }), 'total_size 17, and its tensors have 16'],
  ['data_truncated', 'a shard that was cut short', () => put(SECOND, safetensorsBytes([tensor('b')]).subarray(0, -1)), SECOND],
];

it.each(WRONG)('refuses as %s: %s', async (code, _, spoil, says) => {
  writeCheckpoint(folder, [[tensor('a')], [tensor('b')]]);
  spoil();
  const error = await CheckpointReader.open(folder).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ name: 'SafetensorsError', code });
  expect(String(error)).toContain(says);
});
