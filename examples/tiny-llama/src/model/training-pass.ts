// Forward and backward pass of a few whole sequences. Every intermediate result stays in memory until it was used.
import type { ModelConfig } from './config.js';
import { packedSize, roundUp, type Engine, type Layout, type Pointer } from './engine.js';
import { attend, attendBack, type AttentionShape } from './attention.js';
import { rmsNorm, rmsNormBack, rotate, rotationOf, type Rotation } from './layers.js';
import { parametersOf, type Parameter, type ParameterMap } from './parameters.js';

interface LayerBuffers {
  x: Pointer; normed: Pointer; inverse: Pointer;
  q: Pointer; k: Pointer; v: Pointer; probs: Pointer; attended: Pointer;
  middle: Pointer; normed2: Pointer; inverse2: Pointer;
  gate: Pointer; up: Pointer; act: Pointer;
}

/** Where one pass keeps its results: rows = sequences * length, each row one token. */
export interface PassBuffers {
  layers: LayerBuffers[];
  x: Pointer; normed: Pointer; inverse: Pointer; logits: Pointer;
  dx: Pointer; dNormed: Pointer; dq: Pointer; dk: Pointer; dv: Pointer; dAttended: Pointer; dAct: Pointer; dScores: Pointer;
  panels: Pointer; leftPanels: Pointer;
}

export interface PassShape {
  sequences: number;
  length: number;
}

export function layOutPass(layout: Layout, config: ModelConfig, { sequences, length }: PassShape): PassBuffers {
  const rows = sequences * length;
  const { dim, ffn } = config;
  const queries = config.heads * config.headDim;
  const keys = config.kvHeads * config.headDim;
  const wide = (width: number): Pointer => layout.take(rows * width);
  const scores = sequences * config.heads * length * roundUp(length, 8);
  const layers = Array.from({ length: config.layers }, () => ({
    x: wide(dim), normed: wide(dim), inverse: wide(1),
    q: wide(queries), k: wide(keys), v: wide(keys), probs: layout.take(scores), attended: wide(queries),
    middle: wide(dim), normed2: wide(dim), inverse2: wide(1),
    gate: wide(ffn), up: wide(ffn), act: wide(ffn),
  }));
  const widest = Math.max(dim, ffn, queries, config.vocab);
  return {
    layers,
    x: wide(dim), normed: wide(dim), inverse: wide(1), logits: wide(roundUp(config.vocab, 8)),
    dx: wide(dim), dNormed: wide(dim), dq: wide(queries), dk: wide(keys), dv: wide(keys), dAttended: wide(queries), dAct: wide(ffn),
    dScores: layout.take(length * roundUp(length, 8)),
    panels: layout.take(packedSize(widest, Math.max(rows, widest))), leftPanels: layout.take(packedSize(Math.max(widest, length), rows)),
  };
}

export interface Pass {
  /** Sum of the losses in nats over all tokens. `tokens` holds length + 1 ids a sequence. */
  forward: (weights: Pointer, tokens: Int32Array) => number;
  /** After `forward`: writes the gradient of `lossScale` * that sum. */
  backward: (weights: Pointer, gradients: Pointer, tokens: Int32Array, lossScale: number) => void;
}

export function openPass(engine: Engine, config: ModelConfig, shape: PassShape, buffers: PassBuffers): Pass {
  const { floats } = engine;
  const { dim, ffn, vocab, heads, kvHeads, headDim } = config;
  const { sequences, length } = shape;
  const rows = sequences * length;
  const queries = heads * headDim;
  const keys = kvHeads * headDim;
  const logitsWidth = roundUp(vocab, 8);
  const map: ParameterMap = parametersOf(config);
  const rotation: Rotation = rotationOf(length, headDim, config.ropeTheta);
  const positionOf = (row: number): number => row % length;
  const attention: AttentionShape = { sequences, length, heads, kvHeads, headDim };
  const { panels } = buffers;
  const copy = (to: Pointer, from: Pointer, width: number): void => void floats.copyWithin(to, from, from + rows * width);

  /** y [rows, out] = or += x [rows, in] W^T. */
  const project = (y: Pointer, x: Pointer, w: Pointer, out: number, into: number, add: 0 | 1, ldy = out): void => {
    engine.pack(panels, w, 1, into, out, into);
    engine.gemm(y, ldy, x, into, panels, rows, out, into, add);
  };
  /** dx [rows, in] = or += dy [rows, out] W. */
  const projectBack = (dx: Pointer, dy: Pointer, w: Pointer, out: number, into: number, add: 0 | 1, ldy = out): void => {
    engine.pack(panels, w, into, 1, into, out);
    engine.gemm(dx, into, dy, ldy, panels, rows, into, out, add);
  };
  /** dW [out, in] = dy^T x. */
  const weightGradient = (dw: Pointer, dy: Pointer, x: Pointer, out: number, into: number, ldy = out): void => {
    engine.pack(panels, x, into, 1, into, rows);
    engine.pack(buffers.leftPanels, dy, ldy, 1, out, rows);
    engine.gemmPanels(dw, into, buffers.leftPanels, panels, out, into, rows, 0);
  };

  return {
    forward(weights, tokens) {
      const at = ({ offset }: Parameter): Pointer => weights + offset;
      const first = buffers.layers[0]?.x ?? buffers.x;
      for (let row = 0; row < rows; row++) {
        const from = at(map.embedding) + tokens[Math.floor(row / length) * (length + 1) + positionOf(row)]! * dim;
        floats.copyWithin(first + row * dim, from, from + dim);
      }
      map.layers.forEach((layer, index) => {
        const b = buffers.layers[index]!;
        rmsNorm(floats, b.normed, b.x, at(layer.inputNorm), b.inverse, rows, dim, config.epsilon);
        project(b.q, b.normed, at(layer.q), queries, dim, 0);
        project(b.k, b.normed, at(layer.k), keys, dim, 0);
        project(b.v, b.normed, at(layer.v), keys, dim, 0);
        rotate(floats, b.q, rows, heads, headDim, rotation, positionOf, 1);
        rotate(floats, b.k, rows, kvHeads, headDim, rotation, positionOf, 1);
        attend(engine, attention, b, buffers);
        copy(b.middle, b.x, dim);
        project(b.middle, b.attended, at(layer.o), dim, queries, 1);
        rmsNorm(floats, b.normed2, b.middle, at(layer.postNorm), b.inverse2, rows, dim, config.epsilon);
        project(b.gate, b.normed2, at(layer.gate), ffn, dim, 0);
        project(b.up, b.normed2, at(layer.up), ffn, dim, 0);
        engine.swiglu(b.act, b.gate, b.up, rows * ffn);
        const next = buffers.layers[index + 1]?.x ?? buffers.x;
        copy(next, b.middle, dim);
        project(next, b.act, at(layer.down), dim, ffn, 1);
      });
      rmsNorm(floats, buffers.normed, buffers.x, at(map.norm), buffers.inverse, rows, dim, config.epsilon);
      project(buffers.logits, buffers.normed, at(map.head), vocab, dim, 0, logitsWidth);
      return crossEntropy(tokens);
    },

    backward(weights, gradients, tokens, lossScale) {
      const at = ({ offset }: Parameter): Pointer => weights + offset;
      const to = ({ offset }: Parameter): Pointer => gradients + offset;
      const clear = (parameter: Parameter): void => void floats.fill(0, to(parameter), to(parameter) + parameter.size);
      const { dx, dNormed, dq, dk, dv, dAttended, dAct } = buffers;
      for (let row = 0; row < rows; row++) {
        const logits = buffers.logits + row * logitsWidth;
        for (let i = 0; i < vocab; i++) floats[logits + i]! *= lossScale;
        floats[logits + targetOf(tokens, row)]! -= lossScale;
      }
      weightGradient(to(map.head), buffers.logits, buffers.normed, vocab, dim, logitsWidth);
      projectBack(dNormed, buffers.logits, at(map.head), vocab, dim, 0, logitsWidth);
      floats.fill(0, dx, dx + rows * dim);
      clear(map.norm);
      rmsNormBack(floats, dx, to(map.norm), dNormed, buffers.x, at(map.norm), buffers.inverse, rows, dim);
      for (let index = config.layers - 1; index >= 0; index--) {
        const layer = map.layers[index]!;
        const b = buffers.layers[index]!;
        projectBack(dAct, dx, at(layer.down), dim, ffn, 0);
        weightGradient(to(layer.down), dx, b.act, dim, ffn);
        engine.swigluBack(b.gate, b.up, dAct, rows * ffn);
        projectBack(dNormed, b.gate, at(layer.gate), ffn, dim, 0);
        projectBack(dNormed, b.up, at(layer.up), ffn, dim, 1);
        weightGradient(to(layer.gate), b.gate, b.normed2, ffn, dim);
        weightGradient(to(layer.up), b.up, b.normed2, ffn, dim);
        clear(layer.postNorm);
        rmsNormBack(floats, dx, to(layer.postNorm), dNormed, b.middle, at(layer.postNorm), b.inverse2, rows, dim);
        projectBack(dAttended, dx, at(layer.o), dim, queries, 0);
        weightGradient(to(layer.o), dx, b.attended, dim, queries);
        attendBack(engine, attention, b, { dq, dk, dv, dAttended, dScores: buffers.dScores }, buffers);
        rotate(floats, dq, rows, heads, headDim, rotation, positionOf, -1);
        rotate(floats, dk, rows, kvHeads, headDim, rotation, positionOf, -1);
        projectBack(dNormed, dq, at(layer.q), queries, dim, 0);
        projectBack(dNormed, dk, at(layer.k), keys, dim, 1);
        projectBack(dNormed, dv, at(layer.v), keys, dim, 1);
        weightGradient(to(layer.q), dq, b.normed, queries, dim);
        weightGradient(to(layer.k), dk, b.normed, keys, dim);
        weightGradient(to(layer.v), dv, b.normed, keys, dim);
        clear(layer.inputNorm);
        rmsNormBack(floats, dx, to(layer.inputNorm), dNormed, b.x, at(layer.inputNorm), b.inverse, rows, dim);
      }
      // Tied, the head's gradient is in there already.
      if (!config.tied) clear(map.embedding);
      for (let row = 0; row < rows; row++) {
        const target = to(map.embedding) + tokens[Math.floor(row / length) * (length + 1) + positionOf(row)]! * dim;
        for (let i = 0; i < dim; i++) floats[target + i]! += floats[dx + row * dim + i]!;
      }
    },
  };

  function targetOf(tokens: Int32Array, row: number): number {
    return tokens[Math.floor(row / length) * (length + 1) + positionOf(row) + 1]!;
  }

  /** Turns logits into probabilities in place; the summed loss. */
  function crossEntropy(tokens: Int32Array): number {
    let loss = 0;
    for (let row = 0; row < rows; row++) {
      const logits = buffers.logits + row * logitsWidth;
      let max = -Infinity;
      for (let i = 0; i < vocab; i++) if (floats[logits + i]! > max) max = floats[logits + i]!;
      const target = floats[logits + targetOf(tokens, row)]!;
      for (let i = vocab; i < logitsWidth; i++) floats[logits + i] = max - 100;
      const sum = engine.exps(logits, logitsWidth, max);
      loss += Math.log(sum) + max - target;
      const inverse = 1 / sum;
      for (let i = 0; i < logitsWidth; i++) floats[logits + i]! *= inverse;
    }
    return loss;
  }
}
