// Inference: one sequence at a time over a cache of keys and values. A row's result does not depend on how many rows are
// computed with it, so token by token gives the same bits as all at once.
import type { ModelConfig } from './config.js';
import { Layout, newMemory, openEngine, packedSize, roundUp, type Pointer } from './engine.js';
import { rmsNorm, rotate, rotationOf, softmaxRow } from './layers.js';
import { parametersOf, type Parameter, type ParameterMap } from './parameters.js';
import type { Tensor } from './safetensors.js';

/** Rows that are computed together: longer prompts go in parts. */
const CHUNK = 64;

export interface Decoder {
  config: ModelConfig;
  /** Positions that the cache holds. */
  capacity: number;
  /** Forgets the sequence. */
  reset: () => void;
  /**
   * Appends tokens. Throws a RangeError beyond `capacity`.
   * @param visit gets the logits [vocab] of a row, valid during the call: of every row, or of the last one alone
   */
  extend: (ids: readonly number[], rows: 'all' | 'last', visit: (logits: Float32Array, row: number) => void) => void;
}

/** Where a parameter lies: projections packed for the right side of a product, the rest as it is. */
type Places = ParameterMap<Parameter & { at: Pointer }>;

/**
 * @param load hands over each tensor once, by name; those that the model does not have are ignored
 * @param capacity positions to hold; at most the model's own
 */
export function createDecoder(config: ModelConfig, load: (take: (name: string, tensor: Tensor) => void) => void, capacity = config.maxPositions): Decoder {
  const { dim, ffn, vocab, heads, kvHeads, headDim } = config;
  const positions = Math.min(capacity, config.maxPositions);
  const queries = heads * headDim;
  const keys = kvHeads * headDim;
  const group = heads / kvHeads;
  const width = roundUp(positions, 8);
  const logitsWidth = roundUp(vocab, 8);
  const layout = new Layout();
  const map = parametersOf(config);
  const isPacked = ({ name, shape }: Parameter): boolean => shape.length === 2 && name !== map.embedding.name;
  const packed = (parameter: Parameter): Parameter & { at: Pointer } => ({ ...parameter, at: layout.take(packedSize(parameter.shape[0]!, parameter.shape[1]!)) });
  const places = new Map(map.all.map((parameter) => [parameter.name, isPacked(parameter) ? packed(parameter) : { ...parameter, at: layout.take(parameter.size) }]));
  const placeOf = (parameter: Parameter): Parameter & { at: Pointer } => places.get(parameter.name)!;
  const headPanels = config.tied ? packed(map.head) : placeOf(map.head);
  const weights: Places = {
    ...map,
    embedding: placeOf(map.embedding),
    layers: map.layers.map((layer) => Object.fromEntries(Object.entries(layer).map(([name, parameter]) => [name, placeOf(parameter as Parameter)])) as unknown as Places['layers'][number]),
    norm: placeOf(map.norm),
    head: headPanels,
    all: [...places.values()],
  };
  const rowsOf = (size: number): Pointer => layout.take(CHUNK * size);
  const [x, normed, inverse, q, attended, gate, up, act, logits] = [dim, dim, 1, queries, queries, ffn, ffn, ffn, logitsWidth].map(rowsOf) as [Pointer, Pointer, Pointer, Pointer, Pointer, Pointer, Pointer, Pointer, Pointer];
  const scores = rowsOf(width);
  const panels = layout.take(packedSize(Math.max(width, headDim), Math.max(width, headDim)));
  const cache = map.layers.map(() => ({ k: layout.take(positions * keys), v: layout.take(positions * keys) }));
  const staging = layout.take(Math.max(...map.all.map(({ size }) => size)));
  const engine = openEngine(newMemory(layout.size));
  const { floats } = engine;
  loadAll();
  const rotation = rotationOf(positions, headDim, config.ropeTheta);
  const scale = 1 / Math.sqrt(headDim);
  let length = 0;

  /** y [rows, out] = or += x [rows, in] W^T. */
  const project = (y: Pointer, from: Pointer, { at, shape }: Parameter & { at: Pointer }, rows: number, add: 0 | 1, ldy = shape[0]!): void =>
    engine.gemm(y, ldy, from, shape[1]!, at, rows, shape[0]!, shape[1]!, add);

  return {
    config,
    capacity: positions,
    reset: () => void (length = 0),
    extend(ids, wanted, visit) {
      if (length + ids.length > positions) throw new RangeError(`${length + ids.length} tokens are more than the ${positions} that the model holds`);
      for (let from = 0; from < ids.length; from += CHUNK) {
        const part = ids.slice(from, from + CHUNK);
        part.forEach((id, row) => {
          if (!Number.isInteger(id) || id < 0 || id >= vocab) throw new RangeError(`${id} is no token id below ${vocab}`);
          floats.copyWithin(x + row * dim, weights.embedding.at + id * dim, weights.embedding.at + (id + 1) * dim);
        });
        weights.layers.forEach((layer, index) => through(layer, cache[index]!, part.length));
        const last = part.length - 1;
        const first = wanted === 'all' ? 0 : last;
        if (wanted === 'all' || from + CHUNK >= ids.length) {
          rmsNorm(floats, normed, x, weights.norm.at, inverse, part.length, dim, config.epsilon);
          project(logits, normed + first * dim, weights.head, part.length - first, 0, logitsWidth);
          for (let row = first; row <= last; row++) visit(floats.subarray(logits + (row - first) * logitsWidth, logits + (row - first) * logitsWidth + vocab), from + row);
        }
        length += part.length;
      }
    },
  };

  function through(layer: Places['layers'][number], { k, v }: { k: Pointer; v: Pointer }, rows: number): void {
    const positionOf = (row: number): number => length + row;
    const newKeys = k + length * keys;
    rmsNorm(floats, normed, x, layer.inputNorm.at, inverse, rows, dim, config.epsilon);
    project(q, normed, layer.q, rows, 0);
    project(newKeys, normed, layer.k, rows, 0);
    project(v + length * keys, normed, layer.v, rows, 0);
    rotate(floats, q, rows, heads, headDim, rotation, positionOf, 1);
    rotate(floats, newKeys, rows, kvHeads, headDim, rotation, positionOf, 1);
    for (let head = 0; head < heads; head++) {
      const keyOffset = Math.floor(head / group) * headDim;
      const total = length + rows;
      engine.pack(panels, k + keyOffset, 1, keys, total, headDim);
      engine.gemm(scores, width, q + head * headDim, queries, panels, rows, total, headDim, 0);
      for (let row = 0; row < rows; row++) softmaxRow(floats, engine.exps, scores + row * width, length + row + 1, width, scale);
      engine.pack(panels, v + keyOffset, keys, 1, headDim, total);
      engine.gemm(attended + head * headDim, queries, scores, width, panels, rows, headDim, total, 0);
    }
    project(x, attended, layer.o, rows, 1);
    rmsNorm(floats, normed, x, layer.postNorm.at, inverse, rows, dim, config.epsilon);
    project(gate, normed, layer.gate, rows, 0);
    project(up, normed, layer.up, rows, 0);
    engine.swiglu(act, gate, up, rows * ffn);
    project(x, act, layer.down, rows, 1);
  }

  function loadAll(): void {
    const missing = new Set(places.keys());
    load((name, { shape, values }) => {
      const place = places.get(name);
      if (place === undefined) return;
      if (shape.join() !== place.shape.join()) throw new Error(`${name} has the shape [${shape.join(', ')}]; config.json asks for [${place.shape.join(', ')}]`);
      missing.delete(name);
      const packInto = (at: Pointer): void => {
        floats.set(values, staging);
        engine.pack(at, staging, 1, shape[1]!, shape[0]!, shape[1]!);
      };
      if (isPacked(place)) packInto(place.at);
      else floats.set(values, place.at);
      if (config.tied && name === map.embedding.name) packInto(headPanels.at);
    });
    if (missing.size > 0) throw new Error(`the model lacks ${[...missing].slice(0, 5).join(', ')}${missing.size > 5 ? ` and ${missing.size - 5} more` : ''}`);
  }
}
