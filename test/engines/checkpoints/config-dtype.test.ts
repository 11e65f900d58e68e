import { expect, it } from 'vitest';
import { withDtype } from '../../../src/engines/checkpoints/config-dtype.js';

it.each([
  ['replaces torch_dtype and nothing else', '{\n "rope_theta": 10000.0, "big": 9007199254740993,\n "torch_dtype": "float32", "limit": [0.0, Infinity]}', '{\n "rope_theta": 10000.0, "big": 9007199254740993,\n "torch_dtype": "bfloat16", "limit": [0.0, Infinity]}'],
  ['replaces dtype too', '{"dtype":"float32","torch_dtype" : null}', '{"dtype":"bfloat16","torch_dtype" : "bfloat16"}'],
  ['adds torch_dtype where it is absent', '{"dtype": "float32"}', '{\n  "torch_dtype": "bfloat16","dtype": "bfloat16"}'],
  ['adds it to an empty file', '{}', '{\n  "torch_dtype": "bfloat16"\n}'],
  ['reaches the parts of a multimodal model', '{"torch_dtype":"float32","text_config":{"dtype":"float32","x":{"dtype":"float32"}}}', '{"torch_dtype":"bfloat16","text_config":{"dtype":"bfloat16","x":{"dtype":"float32"}}}'],
  ['takes a quantization_config of null for none', '{"torch_dtype":"float32","quantization_config":null}', '{"torch_dtype":"bfloat16","quantization_config":null}'],
  ['leaves a text that only looks like it', String.raw`{"a":"\"torch_dtype\": \"float32\"","torch_dtype":"float32"}`, String.raw`{"a":"\"torch_dtype\": \"float32\"","torch_dtype":"bfloat16"}`],
])('%s', (_, before, after) => {
  expect(withDtype(before, 'bfloat16')).toBe(after);
});

it.each([
  ['{', 'config_invalid'],
  ['[]', 'config_invalid'],
  ['', 'config_invalid'],
  [`${'{"a":'.repeat(65)}1${'}'.repeat(65)}`, 'config_invalid'],
  ['{"quantization_config":{"quant_method":"fp8"}}', 'dtype_unsupported'],
])('refuses %j as %s', (text, code) => {
  expect(() => withDtype(text, 'bfloat16')).toThrow(expect.objectContaining({ code }));
});

it.each([
  ['nested deep', `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`],
  ['with a string that never ends', `{"a":"${String.raw`\"`.repeat(200_000)}`],
])('refuses at once a text %s', (_, text) => {
  const begin = performance.now();
  expect(() => withDtype(text, 'bfloat16')).toThrow(expect.objectContaining({ code: 'config_invalid' }));
  expect(performance.now() - begin).toBeLessThan(2000);
}, 60_000);
