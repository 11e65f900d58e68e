import { jsonMembers, JsonTooDeepError, withoutPythonWords } from '../safetensors/json-text.js';
import type { JsonMember } from '../safetensors/json-text.js';
import { CheckpointError } from './checkpoint-error.js';

/**
 * A model's config.json with its dtype replaced: `torch_dtype`, which is added where it is absent, `dtype` where it is
 * there, and both in the parts of a multimodal model (`text_config` …). The text is edited in place, since parsing and
 * printing would turn 10000.0 into 10000, which some loaders refuse, and can't hold the NaN that Python writes.
 *
 * @param dtype as PyTorch names it, such as `bfloat16`
 * Throws CheckpointError `config_invalid` where the text is no JSON object or nested too deep, and `dtype_unsupported` where it describes
 * quantized weights.
 */
export function withDtype(text: string, dtype: string): string {
  checkObject(text);
  const members = membersOf(text);
  if (members.some(({ path, valueStart, valueEnd }) => path.at(-1) === 'quantization_config' && text.slice(valueStart, valueEnd) !== 'null')) throw new CheckpointError('dtype_unsupported', 'config.json has a quantization_config: converting quantized checkpoints is not supported yet');
  const edits = members.filter(({ path }) => isDtypeField(path)).sort((a, b) => b.valueStart - a.valueStart);
  let edited = text;
  for (const { valueStart, valueEnd } of edits) edited = edited.slice(0, valueStart) + JSON.stringify(dtype) + edited.slice(valueEnd);
  if (members.some(({ path }) => path.length === 1 && path[0] === 'torch_dtype')) return edited;
  const brace = edited.indexOf('{') + 1;
  return `${edited.slice(0, brace)}\n  "torch_dtype": ${JSON.stringify(dtype)}${members.length > 0 ? ',' : '\n'}${edited.slice(brace)}`;
}

function isDtypeField(path: readonly string[]): boolean {
  const name = path.at(-1);
  return (name === 'torch_dtype' || name === 'dtype') && path.slice(0, -1).every((key) => key.endsWith('_config'));
}

function membersOf(text: string): JsonMember[] {
  try {
    return [...jsonMembers(text)];
  } catch (error) {
    if (error instanceof JsonTooDeepError) throw new CheckpointError('config_invalid', `config.json ${error.message}`);
    throw error;
  }
}

function checkObject(text: string): void {
  let value: unknown;
  try {
    // Mamba's configurations have an Infinity in their time_step_limit.
    value = JSON.parse(withoutPythonWords(text));
  } catch {
    throw new CheckpointError('config_invalid', 'config.json is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new CheckpointError('config_invalid', 'config.json is no JSON object');
}
