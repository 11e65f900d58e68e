// Checkpoints for tests, written without any code of the engines: bytes by hand, and the arithmetic by its definition.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface GivenTensor {
  name: string;
  dtype: string;
  shape: number[];
  data: Uint8Array;
}

/** A safetensors file. `header` changes what is said of the tensors, for files that are wrong. */
export function safetensorsBytes(tensors: readonly GivenTensor[], header: (text: string) => string = (text) => text): Buffer {
  let at = 0;
  const entries = tensors.map(({ name, dtype, shape, data }) => {
    const entry = `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [at, at + data.length] })}`;
    at += data.length;
    return entry;
  });
  return withHeader(header(`{${entries.join(',')}}`), Buffer.concat(tensors.map(({ data }) => data)));
}

export function withHeader(header: string | Uint8Array, data: Uint8Array = new Uint8Array(0)): Buffer {
  const json = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, data]);
}

/** The tensors of a file, read again by hand. */
export function tensorsIn(bytes: Buffer): GivenTensor[] {
  const length = Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString()) as Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;
  delete header['__metadata__'];
  return Object.entries(header).map(([name, { dtype, shape, data_offsets: [begin, end] }]) => ({ name, dtype, shape, data: bytes.subarray(8 + length + begin, 8 + length + end) }));
}

/** A header that says what loaders ask for. */
export const marked = (header: string): string => (header === '{}' ? '{"__metadata__":{"format":"pt"}}' : header.replace('{', '{"__metadata__":{"format":"pt"},'));

/** A Hugging Face folder. One shard makes `model.safetensors`, more make numbered ones with an index. */
export function writeCheckpoint(folder: string, shards: readonly (readonly GivenTensor[])[], files: Readonly<Record<string, string>> = {}): void {
  mkdirSync(folder, { recursive: true });
  const nameOf = (i: number): string => (shards.length === 1 ? 'model.safetensors' : `model-${String(i + 1).padStart(5, '0')}-of-${String(shards.length).padStart(5, '0')}.safetensors`);
  for (const [i, tensors] of shards.entries()) writeFileSync(join(folder, nameOf(i)), safetensorsBytes(tensors, marked));
  if (shards.length > 1) {
    const weight_map = Object.fromEntries(shards.flatMap((tensors, i) => tensors.map(({ name }) => [name, nameOf(i)])));
    const total_size = shards.flat().reduce((sum, { data }) => sum + data.length, 0);
    writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ metadata: { total_size }, weight_map }));
  }
  for (const [name, text] of Object.entries({ 'config.json': '{\n  "model_type": "tiny",\n  "torch_dtype": "float32"\n}\n', ...files })) writeFileSync(join(folder, name), text);
}

export const f32 = (...values: number[]): Buffer => Buffer.from(new Float32Array(values).buffer);
export const bits32 = (...values: number[]): Buffer => Buffer.from(new Uint32Array(values).buffer);
export const bits16 = (...values: number[]): Buffer => Buffer.from(new Uint16Array(values).buffer);
export const asFloats = (data: Uint8Array): Float32Array => new Float32Array(new Uint8Array(data).buffer);
export const asBits16 = (data: Uint8Array): Uint16Array => new Uint16Array(new Uint8Array(data).buffer);

/** A signal that aborts when it is looked at for the nth time. */
export function abortsAtLook(nth: number): AbortSignal {
  const stop = new AbortController();
  const look = stop.signal.throwIfAborted.bind(stop.signal);
  let looks = 0;
  return Object.assign(stop.signal, {
    throwIfAborted: () => {
      looks += 1;
      if (looks === nth) stop.abort(new Error('told to stop'));
      look();
    },
  });
}

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The value of BF16 bits by the definition: sign, exponent, fraction. */
export function bf16Value(bits: number): number {
  const sign = bits >>> 15 === 1 ? -1 : 1;
  const exponent = (bits >>> 7) & 0xff;
  const fraction = bits & 0x7f;
  if (exponent === 0xff) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -133 : sign * (1 + fraction / 128) * 2 ** (exponent - 127);
}

/** The values of all BF16 from 0 to infinity, which counts as 2^128. */
const MAGNITUDES = Float64Array.from({ length: 0x7f81 }, (_, bits) => (bits === 0x7f80 ? 2 ** 128 : bf16Value(bits)));

/**
 * The BF16 bits of an FP32 value by the definition of rounding to nearest even: of the two neighbours the closer one by
 * their values, and of two that are as close the one whose last bit is 0. Infinity counts as 2^128, as IEEE 754 has it.
 * Undefined for a NaN, which has many.
 */
export function nearestBf16(value: number): number | undefined {
  if (Number.isNaN(value)) return undefined;
  const sign = Object.is(value, -0) || value < 0 ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude === Infinity) return sign | 0x7f80;
  const finite = (bits: number): number => MAGNITUDES[bits] ?? NaN;
  let low = 0;
  let high = 0x7f80;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (finite(middle) <= magnitude) low = middle;
    else high = middle;
  }
  const toLow = magnitude - finite(low);
  const toHigh = finite(high) - magnitude;
  return sign | (toLow < toHigh || (toLow === toHigh && low % 2 === 0) ? low : high);
}
