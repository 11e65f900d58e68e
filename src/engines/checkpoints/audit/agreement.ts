import type { Findings } from './findings.js';
import { isObject } from './weights.js';
import type { AuditedWeights } from './weights.js';

/** As transformers names the layers of Llama and of the many models that are built like it. */
const LAYER = /^model\.layers\.(\d+)\./;
const EMBEDDING = 'model.embed_tokens.weight';
const HEAD = 'lm_head.weight';

/**
 * Whether the weights are those that config.json tells of: as many layers, and an output layer of their own where it
 * says that they have one. It looks only at fields that are there, at weights that were read whole, and at models whose
 * tensors have Llama's names; of any other it says nothing.
 * @param config with each number as the text `number …`
 */
export function auditAgreement(config: unknown, weights: AuditedWeights, findings: Findings): void {
  if (!isObject(config) || weights.problems.length > 0 || !weights.tensors.has(EMBEDDING)) return;
  const layers = new Set([...weights.tensors.keys()].flatMap((name) => LAYER.exec(name)?.[1] ?? []).map(Number));
  if (layers.size === 0) return;

  const told = countIn(config['num_hidden_layers']);
  if (told !== undefined) {
    // Layers that predict further tokens stand after the others, as in DeepSeek-V3, and may be left out.
    const most = told + (countIn(config['num_nextn_predict_layers']) ?? 0);
    const missing = Array.from({ length: Math.min(told, layers.size + 1) }, (_, layer) => layer).filter((layer) => !layers.has(layer));
    const beyond = [...layers].filter((layer) => layer >= most);
    if (layers.size < told || missing.length > 0) findings.fault(`config.json: num_hidden_layers is ${told}, and the weights have ${layers.size} layers: ${missing[0] ?? layers.size} is the first that is missing`);
    else if (beyond.length > 0) findings.fault(`config.json: num_hidden_layers is ${told}, and the weights have ${layers.size} layers, up to ${Math.max(...beyond)}`);
    else findings.held(`the weights have the ${told} layers of config.json`);
  }
  if (config['tie_word_embeddings'] === false && isCausal(config['architectures']) && !weights.tensors.has(HEAD)) findings.fault(`config.json: tie_word_embeddings is false, and the weights have no ${HEAD}`);
}

/** A classifier or a reward model has another head. Where the config does not say what it is, it is taken for a language model. */
const isCausal = (architectures: unknown): boolean => !Array.isArray(architectures) || architectures.some((name) => typeof name === 'string' && name.endsWith('ForCausalLM'));

function countIn(value: unknown): number | undefined {
  const digits = typeof value === 'string' ? /^number (\d{1,6})$/.exec(value)?.[1] : undefined;
  return digits === undefined ? undefined : Number(digits);
}
