// Causal attention over whole sequences, forward and backward. Rows are tokens; heads lie side by side in a row.
import { roundUp, type Engine, type Pointer } from './engine.js';
import { softmaxRow } from './layers.js';

export interface AttentionShape {
  sequences: number;
  length: number;
  heads: number;
  kvHeads: number;
  headDim: number;
}

/** q: [rows, heads * headDim]; k, v: [rows, kvHeads * headDim]; probs: [sequences, heads, length, length rounded up to 8]. */
export interface AttentionBuffers {
  q: Pointer;
  k: Pointer;
  v: Pointer;
  probs: Pointer;
  attended: Pointer;
}

/** For packed matrices. */
export interface Scratch {
  panels: Pointer;
  leftPanels: Pointer;
}

interface Head {
  q: Pointer; k: Pointer; v: Pointer; probs: Pointer; out: Pointer;
  /** Offsets of this head within buffers of the shape of q and of k. */
  queryOffset: number;
  keyOffset: number;
  /** The first of the query heads that share these keys and values. */
  firstOfGroup: boolean;
}

function eachHead(shape: AttentionShape, buffers: AttentionBuffers, visit: (head: Head) => void): void {
  const { length, heads, kvHeads, headDim } = shape;
  const group = heads / kvHeads;
  for (let sequence = 0; sequence < shape.sequences; sequence++) {
    for (let head = 0; head < heads; head++) {
      const queryOffset = sequence * length * heads * headDim + head * headDim;
      const keyOffset = sequence * length * kvHeads * headDim + Math.floor(head / group) * headDim;
      visit({
        q: buffers.q + queryOffset, k: buffers.k + keyOffset, v: buffers.v + keyOffset, out: buffers.attended + queryOffset,
        probs: buffers.probs + (sequence * heads + head) * length * roundUp(length, 8),
        queryOffset, keyOffset, firstOfGroup: head % group === 0,
      });
    }
  }
}

/** attended = softmax(q k^T / sqrt(headDim)) v, each token over itself and those before it. */
export function attend(engine: Engine, shape: AttentionShape, buffers: AttentionBuffers, { panels }: Scratch): void {
  const { length, headDim } = shape;
  const width = roundUp(length, 8);
  const ldq = shape.heads * headDim;
  const ldk = shape.kvHeads * headDim;
  const scale = 1 / Math.sqrt(headDim);
  eachHead(shape, buffers, ({ q, k, v, probs, out }) => {
    engine.pack(panels, k, 1, ldk, length, headDim);
    engine.gemm(probs, width, q, ldq, panels, length, length, headDim, 0);
    for (let row = 0; row < length; row++) softmaxRow(engine.floats, engine.exps, probs + row * width, row + 1, width, scale);
    engine.pack(panels, v, ldk, 1, headDim, length);
    engine.gemm(out, ldq, probs, width, panels, length, headDim, length, 0);
  });
}

/** Gradients of `attend`: dq, dk, dv from dAttended. `dScores` is scratch for one head. */
export function attendBack(
  engine: Engine,
  shape: AttentionShape,
  buffers: AttentionBuffers,
  gradients: { dq: Pointer; dk: Pointer; dv: Pointer; dAttended: Pointer; dScores: Pointer },
  { panels, leftPanels }: Scratch,
): void {
  const { floats } = engine;
  const { length, headDim } = shape;
  const width = roundUp(length, 8);
  const ldq = shape.heads * headDim;
  const ldk = shape.kvHeads * headDim;
  const scale = 1 / Math.sqrt(headDim);
  const { dScores } = gradients;
  eachHead(shape, buffers, ({ q, k, v, probs, queryOffset, keyOffset, firstOfGroup }) => {
    const dOut = gradients.dAttended + queryOffset;
    const add = firstOfGroup ? 0 : 1;
    engine.pack(panels, dOut, ldq, 1, headDim, length);
    engine.pack(leftPanels, probs, width, 1, length, length);
    engine.gemmPanels(gradients.dv + keyOffset, ldk, leftPanels, panels, length, headDim, length, add);
    engine.pack(panels, v, 1, ldk, length, headDim);
    engine.gemm(dScores, width, dOut, ldq, panels, length, length, headDim, 0);
    for (let row = 0; row < length; row++) {
      const p = probs + row * width;
      const d = dScores + row * width;
      let dot = 0;
      for (let i = 0; i <= row; i++) dot += floats[p + i]! * floats[d + i]!;
      for (let i = 0; i <= row; i++) floats[d + i] = floats[p + i]! * (floats[d + i]! - dot) * scale;
      for (let i = row + 1; i < width; i++) floats[d + i] = 0;
    }
    engine.pack(panels, k, ldk, 1, headDim, length);
    engine.gemm(gradients.dq + queryOffset, ldq, dScores, width, panels, length, headDim, length, 0);
    engine.pack(panels, q, ldq, 1, headDim, length);
    engine.pack(leftPanels, dScores, width, 1, length, length);
    engine.gemmPanels(gradients.dk + keyOffset, ldk, leftPanels, panels, length, headDim, length, add);
  });
}
