import * as z from 'zod';
import { JsonTooDeepError, repeatedName } from './json-text.js';
import { SafetensorsError } from './safetensors-error.js';

export const SINGLE_FILE = 'model.safetensors';
export const INDEX_FILE = 'model.safetensors.index.json';
/** Room for half a million tensors. */
export const MAX_INDEX_BYTES = 64_000_000;

const Index = z.object({
  metadata: z.object({ total_size: z.number().int().nonnegative().optional() }).optional(),
  weight_map: z.record(z.string(), z.string()),
});

export interface ShardIndex {
  /** Name of the file that holds a tensor, by the tensor's name. */
  shardOf: ReadonlyMap<string, string>;
  /** Names of all shards, sorted. */
  shards: readonly string[];
  /** Bytes of all tensors together; absent from the indexes of some hand-made checkpoints. */
  totalSize: number | undefined;
}

/** Parses a shard index. Throws SafetensorsError where its form, a shard's name or their numbering is wrong. */
export function parseIndex(text: string): ShardIndex {
  const at = { file: INDEX_FILE };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SafetensorsError('index_invalid', at, 'is not JSON');
  }
  const parsed = Index.safeParse(value);
  if (!parsed.success) throw new SafetensorsError('index_invalid', at, `is no shard index: ${parsed.error.issues.map((issue) => `${issue.path.join('.').slice(0, 80) || '(all)'}: ${issue.message}`)[0] ?? ''}`);
  const repeated = findRepeated(text);
  if (repeated !== undefined) throw new SafetensorsError('duplicate_name', { ...at, tensor: repeated.at(-1) }, 'is named twice');
  const shardOf = new Map(Object.entries(parsed.data.weight_map));
  for (const [tensor, shard] of shardOf) if (!isPlainName(shard)) throw new SafetensorsError('path_refused', { ...at, tensor }, `names ${JSON.stringify(shard.slice(0, 80))} as its shard, which is no plain file name`);
  const shards = [...new Set(shardOf.values())].sort();
  if (shards.length === 0) throw new SafetensorsError('index_invalid', at, 'names no tensor');
  checkNumbering(shards);
  return { shardOf, shards, totalSize: parsed.data.metadata?.total_size };
}

function findRepeated(text: string): readonly string[] | undefined {
  try {
    return repeatedName(text);
  } catch (error) {
    if (error instanceof JsonTooDeepError) throw new SafetensorsError('index_invalid', { file: INDEX_FILE }, error.message);
    throw error;
  }
}

/** Shards lie beside their index. A name with a folder in it could lead anywhere, so none is taken. */
const isPlainName = (name: string): boolean => name !== '' && name !== '.' && name !== '..' && !/[/\\\0]/.test(name);

/** `model-00001-of-00003.safetensors`: where names are numbered, every number up to the last must be there. */
function checkNumbering(shards: readonly string[]): void {
  const numbered = shards.flatMap((shard) => {
    const match = /-(\d+)-of-(\d+)\.safetensors$/.exec(shard);
    return match === null ? [] : [{ number: Number(match[1]), of: Number(match[2]) }];
  });
  const [first] = numbered;
  if (first === undefined) return;
  const numbers = new Set(numbered.map(({ number }) => number));
  const complete = numbered.length === shards.length && numbers.size === first.of && numbered.every(({ number, of }) => of === first.of && number >= 1 && number <= of);
  if (!complete) throw new SafetensorsError('shards_incomplete', { file: INDEX_FILE }, `names ${shards.length} shards, which are not exactly 1 to ${first.of} of ${first.of}`);
}
