// A growable picture of the kernels' memory: one WebAssembly memory that threads share, carved up front to back.
import { assemble } from './wasm/assembler.js';
import { KERNELS, PANEL } from './wasm/kernels.js';

/** 1 GiB in pages of 64 KiB: address space only, pages are taken as they are first written. */
const MAX_PAGES = 16384;

/** Offset into `Engine.floats`. */
export type Pointer = number;

export interface Kernels {
  /** C [m, n] = or += A [m, k] B [k, n], B packed. */
  gemm: (c: Pointer, ldc: number, a: Pointer, lda: number, panels: Pointer, m: number, n: number, k: number, add: number) => void;
  /** The same with A packed too, as [k, m]. */
  gemmPanels: (c: Pointer, ldc: number, a: Pointer, panels: Pointer, m: number, n: number, k: number, add: number) => void;
  /** B [k, n] by strides of rows and columns, for the right side of a product. */
  pack: (to: Pointer, b: Pointer, rsB: number, csB: number, n: number, k: number) => void;
  exps: (p: Pointer, n: number, shift: number) => number;
  swiglu: (to: Pointer, gate: Pointer, up: Pointer, n: number) => void;
  swigluBack: (gate: Pointer, up: Pointer, d: Pointer, n: number) => void;
  adamw: (w: Pointer, g: Pointer, m: Pointer, v: Pointer, n: number, gradientScale: number, rate: number, decay: number, beta1: number, beta2: number, bias1: number, bias2: number, epsilon: number) => void;
}

export interface Engine extends Kernels {
  memory: WebAssembly.Memory;
  floats: Float32Array;
}

export const roundUp = (count: number, multiple: number): number => Math.ceil(count / multiple) * multiple;
/** Floats that a packed [k x n] matrix takes. */
export const packedSize = (n: number, k: number): number => roundUp(n, PANEL) * k;

/** Hands out parts of a memory, each on a cache line of its own: threads that write side by side must not share one. */
export class Layout {
  #next = 16;
  take(floats: number): Pointer {
    const at = this.#next;
    this.#next += roundUp(floats, 16);
    return at;
  }
  get size(): number {
    return this.#next;
  }
}

export const newMemory = (floats: number): WebAssembly.Memory => new WebAssembly.Memory({ initial: Math.ceil((floats * 4) / 65536) + 1, maximum: MAX_PAGES, shared: true });

let compiled: WebAssembly.Module | undefined;

/** The kernels over a memory, the calling thread's own instance of them. */
export function openEngine(memory: WebAssembly.Memory): Engine {
  compiled ??= new WebAssembly.Module(assemble(KERNELS, MAX_PAGES));
  const instance = new WebAssembly.Instance(compiled, { env: { memory } });
  return { ...(instance.exports as unknown as Kernels), memory, floats: new Float32Array(memory.buffer) };
}
