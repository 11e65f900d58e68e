import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { auditConversion } from '../../../src/engines/checkpoints/audit/audit.js';
import { bits16, writeCheckpoint } from '../../support/checkpoints.js';

let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'modelferry-agreement-'));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

/** The audit's problems for weights of these names that were copied as they are, with a config that has these fields. */
async function problemsOf(names: readonly string[], config: object): Promise<string[]> {
  const tensors = names.map((name) => ({ name, dtype: 'BF16', shape: [1], data: bits16(0x3f80) }));
  for (const folder of ['source', 'target']) writeCheckpoint(join(place, folder), [tensors], { 'config.json': JSON.stringify({ torch_dtype: 'bfloat16', ...config }) });
  const { verdict, problems } = await auditConversion({ source: join(place, 'source'), target: join(place, 'target') });
  expect(verdict.value).toBe(problems.length === 0 ? 'pass' : 'fail');
  return problems;
}

const layers = (...numbers: number[]): string[] => ['model.embed_tokens.weight', ...numbers.map((n) => `model.layers.${n}.mlp.up_proj.weight`)];

it.each([
  ['a layer fewer', layers(0, 1), { num_hidden_layers: 3 }, 'config.json: num_hidden_layers is 3, and the weights have 2 layers: 2 is the first that is missing'],
  ['a layer missing in the middle', layers(0, 2), { num_hidden_layers: 2 }, 'config.json: num_hidden_layers is 2, and the weights have 2 layers: 1 is the first that is missing'],
  ['a layer more', layers(0, 1, 2), { num_hidden_layers: 2 }, 'config.json: num_hidden_layers is 2, and the weights have 3 layers, up to 2'],
  ['no output layer where it is not tied', layers(0), { tie_word_embeddings: false }, 'config.json: tie_word_embeddings is false, and the weights have no lm_head.weight'],
  ['none in a language model', layers(0), { tie_word_embeddings: false, architectures: ['LlamaForCausalLM'] }, 'config.json: tie_word_embeddings is false, and the weights have no lm_head.weight'],
])('the audit fails weights that have %s', async (_, names, config, problem) => {
  expect(await problemsOf(names, config)).toEqual([problem]);
});

it.each([
  ['as many layers', [...layers(0, 1), 'lm_head.weight'], { num_hidden_layers: 2, tie_word_embeddings: false }],
  ['a layer for further tokens', layers(0, 1, 2), { num_hidden_layers: 2, num_nextn_predict_layers: 1 }],
  ['no such layer, since it was dropped', layers(0, 1), { num_hidden_layers: 2, num_nextn_predict_layers: 1 }],
  ['a tied output layer', layers(0), { tie_word_embeddings: true }],
  ['no word on either', layers(0), {}],
  ['a number of layers that is none', layers(0), { num_hidden_layers: '3' }],
  ['another head', [...layers(0), 'score.weight'], { tie_word_embeddings: false, architectures: ['LlamaForSequenceClassification'] }],
  ['names of another kind', ['transformer.wte.weight', 'transformer.h.0.mlp.weight'], { num_hidden_layers: 2, tie_word_embeddings: false }],
])('the audit has nothing against %s', async (_, names, config) => {
  expect(await problemsOf(names, config)).toEqual([]);
});
