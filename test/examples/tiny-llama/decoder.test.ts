import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fromHuggingFace, toHuggingFace, UnsupportedModelError } from '../../../examples/tiny-llama/src/model/config.js';
import { loadModel } from '../../../examples/tiny-llama/src/model/load-model.js';
import { writeSafetensors } from '../../../examples/tiny-llama/src/model/safetensors.js';
import { SMALL, someTokens, strongDecoder, strongWeights } from './kit.js';

const collect = (run: (visit: (logits: Float32Array) => void) => void): number[][] => {
  const rows: number[][] = [];
  run((logits) => rows.push([...logits]));
  return rows;
};

describe('the cache of keys and values', () => {
  const decoder = strongDecoder(SMALL);
  // More than one chunk, and no multiple of anything.
  const ids = someTokens(75, 5);
  const atOnce = collect((visit) => decoder.extend(ids, 'all', visit));

  it('gives token by token the same bits as all at once', () => {
    decoder.reset();
    expect(atOnce).toHaveLength(75);
    expect(collect((visit) => ids.forEach((id) => decoder.extend([id], 'last', visit)))).toEqual(atOnce);
  });

  it('gives the last row alone where no more is asked for', () => {
    decoder.reset();
    expect(collect((visit) => decoder.extend(ids, 'last', visit))).toEqual([atOnce.at(-1)]);
  });

  it('looks backwards only', () => {
    decoder.reset();
    const changed = collect((visit) => decoder.extend([...ids.slice(0, 40), (ids[40]! + 1) % 258, ...ids.slice(41)], 'all', visit));
    expect(changed.slice(0, 40)).toEqual(atOnce.slice(0, 40));
    expect(changed[74]).not.toEqual(atOnce[74]);
  });

  it('refuses more than it holds, and ids that are none', () => {
    decoder.reset();
    expect(() => decoder.extend(someTokens(97, 1), 'last', () => undefined)).toThrow('97 tokens are more than the 96');
    expect(() => decoder.extend([258], 'last', () => undefined)).toThrow('258 is no token id');
  });
});

describe('a model directory', () => {
  const tensors = strongWeights(SMALL, 1);
  const expected = collect((visit) => strongDecoder(SMALL).extend([1, 2, 3], 'last', visit));
  const logitsOf = (folder: string): number[][] => collect((visit) => loadModel(folder, 2048).decoder.extend([1, 2, 3], 'last', visit));

  function directory(): string {
    const folder = mkdtempSync(join(tmpdir(), 'tiny-llama-model-'));
    writeFileSync(join(folder, 'config.json'), JSON.stringify(toHuggingFace(SMALL)));
    return folder;
  }

  it('is read from one file or from shards alike', () => {
    const one = directory();
    writeSafetensors(join(one, 'model.safetensors'), tensors);
    expect(logitsOf(one)).toEqual(expected);
    const sharded = directory();
    const entries = [...tensors];
    const shards = { 'model-1.safetensors': entries.slice(0, 7), 'model-2.safetensors': entries.slice(7) };
    for (const [file, own] of Object.entries(shards)) writeSafetensors(join(sharded, file), own);
    writeFileSync(join(sharded, 'model.safetensors.index.json'), JSON.stringify({ weight_map: Object.fromEntries(Object.entries(shards).flatMap(([file, own]) => own.map(([name]) => [name, file]))) }));
    expect(logitsOf(sharded)).toEqual(expected);
  });

  it.each([
    ['BF16', (bits: number) => bits >>> 16, 0.01],
    ['F16', toFloat16, 0.002],
  ] as const)('is read as %s', (dtype, narrow, bound) => {
    const folder = directory();
    writeHalves(join(folder, 'model.safetensors'), dtype, narrow);
    const [[...got], [...wanted]] = [logitsOf(folder)[0]!, expected[0]!];
    const spread = Math.max(...wanted) - Math.min(...wanted);
    expect(Math.max(...got.map((value, i) => Math.abs(value - wanted[i]!)))).toBeLessThan(3 * bound * spread);
    expect(got).not.toEqual(wanted);
  });

  it('that lacks a tensor is refused by its name', () => {
    const folder = directory();
    writeSafetensors(join(folder, 'model.safetensors'), [...tensors].filter(([name]) => name !== 'model.norm.weight'));
    expect(() => loadModel(folder, 2048)).toThrow('the model lacks model.norm.weight');
  });

  it.each([
    [{ model_type: 'mistral' }, 'mistral'],
    [{ rope_scaling: { rope_type: 'llama3', factor: 8 } }, 'llama3'],
    [{ attention_bias: true }, 'bias'],
    [{ head_dim: 12 }, 'no multiple of 8'],
  ])('that it would compute wrongly is refused: %o', (change, message) => {
    expect(() => fromHuggingFace({ ...toHuggingFace(SMALL), ...change })).toThrow(UnsupportedModelError);
    expect(() => fromHuggingFace({ ...toHuggingFace(SMALL), ...change })).toThrow(message);
  });

  it('keeps its shape on the way to config.json and back, in both forms of the rotation', () => {
    expect(fromHuggingFace(toHuggingFace(SMALL))).toEqual(SMALL);
    const { rope_theta: _, ...rest } = toHuggingFace(SMALL);
    expect(fromHuggingFace({ ...rest, rope_parameters: { rope_type: 'default', rope_theta: 5000 } }).ropeTheta).toBe(5000);
  });

  function writeHalves(path: string, dtype: string, narrow: (bits: number) => number): void {
    let offset = 0;
    const header: Record<string, unknown> = {};
    const parts = [...tensors].map(([name, { shape, values }]) => {
      const bytes = Buffer.from(Uint16Array.from(new Uint32Array(values.buffer), narrow).buffer);
      header[name] = { dtype, shape, data_offsets: [offset, (offset += bytes.length)] };
      return bytes;
    });
    const json = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    writeFileSync(path, Buffer.concat([length, json, ...parts]));
  }
});

/** Truncates the bits of a float32 to binary16; for the normal range alone, smaller ones become 0. */
function toFloat16(bits: number): number {
  const exponent = ((bits >>> 23) & 0xff) - 127 + 15;
  return exponent <= 0 ? 0 : ((bits >>> 16) & 0x8000) | (exponent << 10) | ((bits >>> 13) & 0x3ff);
}
