import type { CheckpointTensor } from '../safetensors/checkpoint-reader.js';
import { DTYPE_BITS, tensorBytes } from '../safetensors/dtypes.js';
import type { Dtype } from '../safetensors/dtypes.js';
import { SINGLE_FILE } from '../safetensors/index-file.js';
import { CheckpointError } from './checkpoint-error.js';

/** Dtypes that a conversion can aim at. */
export type TargetDtype = 'BF16';

export interface PlannedTensor {
  readonly source: CheckpointTensor;
  readonly dtype: Dtype;
  readonly bytes: number;
}

export interface PlannedShard {
  readonly file: string;
  /** In the order in which they are written. */
  readonly tensors: readonly PlannedTensor[];
}

export interface ConversionPlan {
  readonly shards: readonly PlannedShard[];
  readonly tensors: number;
  /** Of the tensors, without headers. */
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** Where 'convert' is BF16, anything else goes over as it is. A dtype that is not here is not supported yet. */
const RULES: Partial<Record<Dtype, 'convert' | 'copy'>> = {
  F32: 'convert',
  BF16: 'copy',
  BOOL: 'copy',
  U8: 'copy',
  I8: 'copy',
  U16: 'copy',
  I16: 'copy',
  U32: 'copy',
  I32: 'copy',
  U64: 'copy',
  I64: 'copy',
};

/**
 * Decides each tensor's dtype and shard. Shards are filled in the source's order, so that it is read front to back;
 * a shard's tensors have at most `maxShardBytes` together, and a larger tensor has a shard of its own. The same source
 * and limit give the same plan. Throws CheckpointError `dtype_unsupported` that names the first tensor it can't convert.
 */
export function planConversion(tensors: readonly CheckpointTensor[], options: { target: TargetDtype; maxShardBytes: number }): ConversionPlan {
  const planned = tensors.map((source) => planTensor(source, options.target));
  const groups: PlannedTensor[][] = [];
  let room = 0;
  for (const tensor of planned) {
    if (groups.length === 0 || tensor.bytes > room) {
      groups.push([]);
      room = options.maxShardBytes;
    }
    groups.at(-1)?.push(tensor);
    room -= tensor.bytes;
  }
  return {
    shards: groups.map((group, index) => ({ file: shardName(index + 1, groups.length), tensors: group.sort(byAlignment) })),
    tensors: planned.length,
    bytesIn: planned.reduce((sum, { source }) => sum + source.bytes, 0),
    bytesOut: planned.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

function planTensor(source: CheckpointTensor, target: TargetDtype): PlannedTensor {
  const rule = RULES[source.dtype];
  if (rule === undefined) throw new CheckpointError('dtype_unsupported', `${source.file}: tensor ${JSON.stringify(source.name)} is ${source.dtype}: converting it to ${target} is not supported yet`);
  if (rule === 'copy') return { source, dtype: source.dtype, bytes: source.bytes };
  return { source, dtype: target, bytes: tensorBytes(target, source.shape) ?? 0 };
}

/** Wide elements first: then each tensor begins at a multiple of its element, and loaders can map it as it lies. */
const byAlignment = (a: PlannedTensor, b: PlannedTensor): number => DTYPE_BITS[b.dtype] - DTYPE_BITS[a.dtype];

/** As Hugging Face names them: a single file has no number, and no index beside it. */
function shardName(number: number, of: number): string {
  const padded = (value: number): string => String(value).padStart(5, '0');
  return of === 1 ? SINGLE_FILE : `model-${padded(number)}-of-${padded(of)}.safetensors`;
}
