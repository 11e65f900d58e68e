// safetensors files: eight bytes of length, a JSON header, the tensors. Reads float32, bfloat16 and float16, writes float32.
import { closeSync, openSync, readSync, writeFileSync } from 'node:fs';

export interface Tensor {
  shape: readonly number[];
  values: Float32Array;
}

/** Longer headers than this are no model's: the format's own readers refuse them too. */
const MAX_HEADER_BYTES = 100_000_000;

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** Writes tensors in the order given; equal tensors give equal bytes. */
export function writeSafetensors(path: string, tensors: Iterable<readonly [string, Tensor]>): void {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { shape, values }] of tensors) {
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + values.byteLength] };
    parts.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    offset += values.byteLength;
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  writeFileSync(path, Buffer.concat([length, padded, ...parts]));
}

/** Visits each tensor of a file, widened to float32, one in memory at a time. Throws an Error that names the file. */
export function readSafetensors(path: string, visit: (name: string, tensor: Tensor) => void): void {
  const file = openSync(path, 'r');
  const read = (position: number, length: number): Buffer => {
    const bytes = Buffer.alloc(length);
    if (readSync(file, bytes, 0, length, position) !== length) throw new Error(`${path} is cut off`);
    return bytes;
  };
  try {
    const length = Number(read(0, 8).readBigUInt64LE());
    if (length > MAX_HEADER_BYTES) throw new Error(`${path} is no safetensors file: its header would have ${length} bytes`);
    const header = JSON.parse(read(8, length).toString()) as Record<string, Entry>;
    delete header['__metadata__'];
    for (const [name, { dtype, shape, data_offsets: [from, to] }] of Object.entries(header)) {
      const widen = WIDEN[dtype];
      if (widen === undefined) throw new Error(`${path}: ${name} is ${dtype}; this example reads F32, BF16 and F16`);
      const values = widen(read(8 + length + from, to - from));
      if (values.length !== shape.reduce((product, size) => product * size, 1)) throw new Error(`${path}: ${name} has ${values.length} values, its shape says [${shape.join(', ')}]`);
      visit(name, { shape, values });
    }
  } finally {
    closeSync(file);
  }
}

const halves = (bytes: Buffer): Uint16Array => new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);

const WIDEN: Readonly<Record<string, (bytes: Buffer) => Float32Array>> = {
  F32: (bytes) => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4),
  /** The upper half of a float32. */
  BF16: (bytes) => new Float32Array(Uint32Array.from(halves(bytes), (bits) => bits << 16).buffer),
  F16: (bytes) => Float32Array.from(halves(bytes), float16),
};

/** IEEE 754 binary16. */
function float16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
