// The parts of a layer that are not matrix products, shared by training and inference. All work on rows in `floats`.
import type { Pointer } from './engine.js';

/** y = x / rms(x) * weight for each row; keeps 1 / rms(x) of each row for the way back. */
export function rmsNorm(floats: Float32Array, y: Pointer, x: Pointer, weight: Pointer, inverse: Pointer, rows: number, dim: number, epsilon: number): void {
  for (let row = 0; row < rows; row++) {
    const from = x + row * dim;
    const to = y + row * dim;
    let squares = 0;
    for (let i = 0; i < dim; i++) squares += floats[from + i]! * floats[from + i]!;
    const scale = Math.fround(1 / Math.sqrt(squares / dim + epsilon));
    floats[inverse + row] = scale;
    for (let i = 0; i < dim; i++) floats[to + i] = floats[from + i]! * scale * floats[weight + i]!;
  }
}

/** dx += the gradient of `rmsNorm` by x, dWeight += that by the weight, from dy. */
export function rmsNormBack(floats: Float32Array, dx: Pointer, dWeight: Pointer, dy: Pointer, x: Pointer, weight: Pointer, inverse: Pointer, rows: number, dim: number): void {
  for (let row = 0; row < rows; row++) {
    const at = row * dim;
    const scale = floats[inverse + row]!;
    let dot = 0;
    for (let i = 0; i < dim; i++) dot += floats[dy + at + i]! * floats[weight + i]! * floats[x + at + i]!;
    const pull = (dot * scale * scale * scale) / dim;
    for (let i = 0; i < dim; i++) {
      const value = floats[x + at + i]!;
      const slope = floats[dy + at + i]!;
      floats[dWeight + i]! += slope * value * scale;
      floats[dx + at + i]! += slope * floats[weight + i]! * scale - value * pull;
    }
  }
}

/** Cosines and sines of the rotary embedding (Su et al. 2021): [positions][headDim / 2] each. */
export interface Rotation {
  cos: Float32Array;
  sin: Float32Array;
}

export function rotationOf(positions: number, headDim: number, theta: number): Rotation {
  const half = headDim / 2;
  const cos = new Float32Array(positions * half);
  const sin = new Float32Array(positions * half);
  for (let position = 0; position < positions; position++) {
    for (let i = 0; i < half; i++) {
      const angle = position * Math.fround(1 / theta ** (i / half));
      cos[position * half + i] = Math.cos(angle);
      sin[position * half + i] = Math.sin(angle);
    }
  }
  return { cos, sin };
}

/**
 * Rotates each head in place. Hugging Face's convention: entry i pairs with i + headDim / 2, not with its neighbour.
 * @param positionOf the position of a row in its sequence
 * @param direction 1 forwards, -1 for gradients: the inverse of a rotation is its transpose
 */
export function rotate(floats: Float32Array, x: Pointer, rows: number, heads: number, headDim: number, rotation: Rotation, positionOf: (row: number) => number, direction: 1 | -1): void {
  const half = headDim / 2;
  for (let row = 0; row < rows; row++) {
    const angles = positionOf(row) * half;
    for (let head = 0; head < heads; head++) {
      const at = x + (row * heads + head) * headDim;
      for (let i = 0; i < half; i++) {
        const cos = rotation.cos[angles + i]!;
        const sin = direction * rotation.sin[angles + i]!;
        const a = floats[at + i]!;
        const b = floats[at + half + i]!;
        floats[at + i] = a * cos - b * sin;
        floats[at + half + i] = b * cos + a * sin;
      }
    }
  }
}

/** Softmax of scale * scores over the first `count` entries of a row; the rest, up to `width`, becomes 0. */
export function softmaxRow(floats: Float32Array, exps: (p: Pointer, n: number, shift: number) => number, row: Pointer, count: number, width: number, scale: number): void {
  let max = -Infinity;
  for (let i = 0; i < count; i++) {
    const score = Math.fround(floats[row + i]! * scale);
    floats[row + i] = score;
    if (score > max) max = score;
  }
  const padded = (count + 3) & ~3;
  // What is masked is far below the maximum: its e^-87 vanishes in the sum, and is set to 0 below.
  for (let i = count; i < padded; i++) floats[row + i] = max - 100;
  const inverse = 1 / exps(row, padded, max);
  for (let i = 0; i < count; i++) floats[row + i]! *= inverse;
  for (let i = count; i < width; i++) floats[row + i] = 0;
}
