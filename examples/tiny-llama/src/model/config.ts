// The shape of a Llama-architecture decoder, and its form as Hugging Face's `config.json`.

export interface ModelConfig {
  vocab: number;
  /** Width of the residual stream. */
  dim: number;
  layers: number;
  heads: number;
  /** Fewer than `heads`: groups of query heads share keys and values. */
  kvHeads: number;
  headDim: number;
  /** Width of the SwiGLU block. */
  ffn: number;
  ropeTheta: number;
  epsilon: number;
  /** The output projection is the embedding. */
  tied: boolean;
  maxPositions: number;
}

/** Thrown when a model directory is not what this example can compute. */
export class UnsupportedModelError extends Error {
  override readonly name = 'UnsupportedModelError';
}

/** Byte-level: an id below 256 is that byte. */
export const VOCAB = 258;
export const BOS = 256;
export const EOS = 257;

/** `config.json` of a checkpoint that this example trains. */
export const toHuggingFace = (config: ModelConfig): Record<string, unknown> => ({
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: config.vocab,
  hidden_size: config.dim,
  intermediate_size: config.ffn,
  num_hidden_layers: config.layers,
  num_attention_heads: config.heads,
  num_key_value_heads: config.kvHeads,
  head_dim: config.headDim,
  hidden_act: 'silu',
  max_position_embeddings: config.maxPositions,
  rms_norm_eps: config.epsilon,
  rope_theta: config.ropeTheta,
  rope_scaling: null,
  attention_bias: false,
  attention_dropout: 0,
  mlp_bias: false,
  tie_word_embeddings: config.tied,
  initializer_range: 0.02,
  bos_token_id: BOS,
  eos_token_id: EOS,
  torch_dtype: 'float32',
  use_cache: true,
});

/** Reads `config.json`. Throws UnsupportedModelError for anything that would be computed wrongly. */
export function fromHuggingFace(json: Readonly<Record<string, unknown>>): ModelConfig {
  const number = (name: string, fallback?: number): number => {
    const value = json[name] ?? fallback;
    if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) throw new UnsupportedModelError(`config.json: ${name} is missing or no positive number`);
    return value;
  };
  const refuse = (what: string): never => {
    throw new UnsupportedModelError(`config.json: ${what}, which this example does not compute`);
  };
  if (json['model_type'] !== 'llama') refuse(`model_type is ${JSON.stringify(json['model_type'])}`);
  if ((json['hidden_act'] ?? 'silu') !== 'silu') refuse(`hidden_act is ${JSON.stringify(json['hidden_act'])}`);
  if (json['attention_bias'] === true || json['mlp_bias'] === true) refuse('projections have a bias');
  // transformers 5 writes the rotation's parameters as one object.
  const rope = (json['rope_parameters'] ?? json['rope_scaling'] ?? {}) as Readonly<Record<string, unknown>>;
  const ropeType = rope['rope_type'] ?? rope['type'] ?? 'default';
  if (ropeType !== 'default') refuse(`the rotary embedding is scaled (${JSON.stringify(ropeType)})`);
  const dim = number('hidden_size');
  const heads = number('num_attention_heads');
  const config: ModelConfig = {
    vocab: number('vocab_size'),
    dim,
    layers: number('num_hidden_layers'),
    heads,
    kvHeads: number('num_key_value_heads', heads),
    headDim: number('head_dim', dim / heads),
    ffn: number('intermediate_size'),
    ropeTheta: number('rope_theta', typeof rope['rope_theta'] === 'number' ? rope['rope_theta'] : 10000),
    epsilon: number('rms_norm_eps', 1e-6),
    tied: json['tie_word_embeddings'] === true,
    maxPositions: number('max_position_embeddings', 2048),
  };
  const wrong = shapeProblem(config);
  return wrong === undefined ? config : refuse(wrong);
}

/** Why the kernels cannot compute a shape, or undefined. They write eight columns at once, into rows that lie side by side. */
export function shapeProblem(config: ModelConfig): string | undefined {
  if (config.headDim % 8 !== 0) return `a head is ${config.headDim} wide, no multiple of 8`;
  if (config.dim % 8 !== 0 || config.ffn % 8 !== 0) return 'a width is no multiple of 8';
  if (config.heads % config.kvHeads !== 0) return `${config.heads} heads cannot share ${config.kvHeads} of keys and values`;
  return undefined;
}
