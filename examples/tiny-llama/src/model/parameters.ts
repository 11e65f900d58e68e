// A model's tensors by their Hugging Face names, and where each lies in one flat buffer.
import type { ModelConfig } from './config.js';
import { roundUp } from './engine.js';

export interface Parameter {
  name: string;
  /** [out, in] for projections, [width] for norms. */
  shape: readonly number[];
  /** In floats, from the start of the flat buffer. */
  offset: number;
  /** In floats. */
  size: number;
}

export interface LayerParameters<T> {
  inputNorm: T;
  q: T;
  k: T;
  v: T;
  o: T;
  postNorm: T;
  gate: T;
  up: T;
  down: T;
}

export interface ParameterMap<T = Parameter> {
  embedding: T;
  layers: LayerParameters<T>[];
  norm: T;
  /** The embedding itself where they are tied. */
  head: T;
  /** In the order of the flat buffer, each once. */
  all: T[];
  /** Floats that the flat buffer takes. */
  size: number;
}

/** Lays the parameters out, each on a cache line of its own. */
export function parametersOf(config: ModelConfig): ParameterMap {
  const all: Parameter[] = [];
  let offset = 0;
  const add = (name: string, ...shape: number[]): Parameter => {
    const parameter = { name, shape, offset, size: shape.reduce((product, length) => product * length, 1) };
    offset += roundUp(parameter.size, 16);
    all.push(parameter);
    return parameter;
  };
  const { dim, ffn, vocab } = config;
  const queries = config.heads * config.headDim;
  const keys = config.kvHeads * config.headDim;
  const embedding = add('model.embed_tokens.weight', vocab, dim);
  const layers = Array.from({ length: config.layers }, (_, layer) => {
    const at = `model.layers.${layer}`;
    return {
      inputNorm: add(`${at}.input_layernorm.weight`, dim),
      q: add(`${at}.self_attn.q_proj.weight`, queries, dim),
      k: add(`${at}.self_attn.k_proj.weight`, keys, dim),
      v: add(`${at}.self_attn.v_proj.weight`, keys, dim),
      o: add(`${at}.self_attn.o_proj.weight`, dim, queries),
      postNorm: add(`${at}.post_attention_layernorm.weight`, dim),
      gate: add(`${at}.mlp.gate_proj.weight`, ffn, dim),
      up: add(`${at}.mlp.up_proj.weight`, ffn, dim),
      down: add(`${at}.mlp.down_proj.weight`, dim, ffn),
    };
  });
  const norm = add('model.norm.weight', dim);
  const head = config.tied ? embedding : add('lm_head.weight', vocab, dim);
  return { embedding, layers, norm, head, all, size: offset };
}
