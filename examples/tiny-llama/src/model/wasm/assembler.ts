// A small assembler for WebAssembly: enough of the format for kernels over 32-bit floats, so that the example needs no
// tool chain and ships no binary that nobody can read. Instructions are nested calls that yield bytes.

export type Code = readonly number[];
export type ValueType = 'i32' | 'f32' | 'v128';

const TYPE_BYTES = { i32: 0x7f, f32: 0x7d, v128: 0x7b } as const;
const VOID = 0x40;

const leb = (value: number): number[] => {
  const bytes: number[] = [];
  let rest = value;
  for (;;) {
    const low = rest & 0x7f;
    rest >>>= 7;
    if (rest === 0) return [...bytes, low];
    bytes.push(low | 0x80);
  }
};
/** Signed LEB128, as constants have it. */
const sleb = (value: number): number[] => {
  const bytes: number[] = [];
  let rest = value | 0;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) return [...bytes, low];
    bytes.push(low | 0x80);
  }
};
const f32Bytes = (value: number): number[] => [...new Uint8Array(new Float32Array([value]).buffer)];

const plain = (opcode: number) => (...operands: Code[]): Code => [...operands.flat(), opcode];
const simd = (opcode: number) => (...operands: Code[]): Code => [...operands.flat(), 0xfd, ...leb(opcode)];
/** A load or store; `offset` is in bytes and free of cost. */
const memory = (opcode: readonly number[], align: number) => (address: Code, offset = 0): Code => [...address, ...opcode, align, ...leb(offset)];

export const i32 = {
  const: (value: number): Code => [0x41, ...sleb(value)],
  add: plain(0x6a), sub: plain(0x6b), mul: plain(0x6c), and: plain(0x71), shl: plain(0x74),
  lt: plain(0x48), ge: plain(0x4e), eq: plain(0x46), eqz: plain(0x45),
};
export const f32 = {
  const: (value: number): Code => [0x43, ...f32Bytes(value)],
  add: plain(0x92), sub: plain(0x93), mul: plain(0x94),
  load: memory([0x2a], 2),
  store: (address: Code, value: Code, offset = 0): Code => [...address, ...value, 0x38, 2, ...leb(offset)],
};
/** Vectors of four floats (or, in the exponent's arithmetic, four integers). */
export const v4 = {
  load: memory([0xfd, 0x00], 2),
  /** One float into all four lanes. */
  loadSplat: memory([0xfd, 0x09], 2),
  store: (address: Code, value: Code, offset = 0): Code => [...address, ...value, 0xfd, 0x0b, 2, ...leb(offset)],
  const: (value: number): Code => [0xfd, 0x0c, ...f32Bytes(value), ...f32Bytes(value), ...f32Bytes(value), ...f32Bytes(value)],
  splat: simd(0x13),
  lane: (vector: Code, lane: number): Code => [...vector, 0xfd, 0x1f, lane],
  /** `lanes` count the four of `a`, then the four of `b`. */
  shuffle: (a: Code, b: Code, lanes: readonly number[]): Code => [...a, ...b, 0xfd, 0x0d, ...lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte))],
  add: simd(0xe4), sub: simd(0xe5), mul: simd(0xe6), div: simd(0xe7), sqrt: simd(0xe3), neg: simd(0xe1),
  min: simd(0xe8), max: simd(0xe9), nearest: simd(0x6a),
  toInt: simd(0xf8), shiftLeft: simd(0xab), addInt: simd(0xae), splatInt: simd(0x11),
};

export const control = {
  /** Runs `body` as long as `condition` holds. */
  while: (condition: Code, ...body: Code[]): Code => [0x02, VOID, 0x03, VOID, ...condition, 0x45, 0x0d, 1, ...body.flat(), 0x0c, 0, 0x0b, 0x0b],
  if: (condition: Code, then: Code, otherwise: Code = []): Code => [...condition, 0x04, VOID, ...then, 0x05, ...otherwise, 0x0b],
};

export interface Locals {
  get: (name: string) => Code;
  set: (name: string, value: Code) => Code;
}
export interface KernelSource {
  params: Record<string, ValueType>;
  locals: Record<string, ValueType>;
  result?: ValueType;
  body: (locals: Locals) => Code[];
}

const section = (id: number, content: readonly number[]): number[] => [id, ...leb(content.length), ...content];
const vector = (items: readonly (readonly number[])[]): number[] => [...leb(items.length), ...items.flat()];
const text = (value: string): number[] => [...leb(value.length), ...Buffer.from(value, 'latin1')];

/** The bytes of a module that exports `kernels` and imports the shared memory `env.memory` of up to `maxPages` (of 64 KiB). */
export function assemble(kernels: Record<string, KernelSource>, maxPages: number): Uint8Array<ArrayBuffer> {
  const sources = Object.values(kernels);
  const types = sources.map(({ params, result }) => [0x60, ...vector(Object.values(params).map((type) => [TYPE_BYTES[type]])), ...vector(result === undefined ? [] : [[TYPE_BYTES[result]]])]);
  const bodies = sources.map(({ params, locals, body }) => {
    const names = [...Object.keys(params), ...Object.keys(locals)];
    const index = (name: string): number => {
      const at = names.indexOf(name);
      if (at < 0) throw new Error(`no local ${name}`);
      return at;
    };
    const code = body({ get: (name) => [0x20, ...leb(index(name))], set: (name, value) => [...value, 0x21, ...leb(index(name))] });
    const content = [...vector(Object.values(locals).map((type) => [1, TYPE_BYTES[type]])), ...code.flat(), 0x0b];
    return [...leb(content.length), ...content];
  });
  return new Uint8Array([
    0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, vector(types)),
    ...section(2, vector([[...text('env'), ...text('memory'), 0x02, 0x03, ...leb(1), ...leb(maxPages)]])),
    ...section(3, vector(sources.map((_, type) => leb(type)))),
    ...section(7, vector(Object.keys(kernels).map((name, at) => [...text(name), 0x00, ...leb(at)]))),
    ...section(10, vector(bodies)),
  ]);
}
