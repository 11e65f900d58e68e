import { mkdir, open, rename, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readBounded } from '../artifacts/bounded-file.js';
import { syncDirectoryAsync, tempName } from '../artifacts/durable-file.js';
import { CheckpointReader } from '../safetensors/checkpoint-reader.js';
import { ChunkRing } from '../safetensors/chunks.js';
import { INDEX_FILE } from '../safetensors/index-file.js';
import { SafetensorsWriter } from '../safetensors/safetensors-writer.js';
import { fp32ToBf16 } from './bf16.js';
import type { ValueCounts } from './bf16.js';
import { carry, CONFIG_FILE, sortFiles } from './carried-files.js';
import { CheckpointError } from './checkpoint-error.js';
import { withDtype } from './config-dtype.js';
import { planConversion } from './plan.js';
import type { ConversionPlan, PlannedShard, TargetDtype } from './plan.js';

export interface ConversionRequest {
  /** A Hugging Face folder with safetensors weights and config.json. */
  source: string;
  /** Must not exist; its parent must. */
  target: string;
  dtype: TargetDtype;
  /** Of the tensors in one shard, without its header. */
  maxShardBytes: number;
  signal?: AbortSignal;
  /** Called after each tensor. */
  onProgress?: (done: ConversionProgress, plan: ConversionPlan) => void;
}

export interface ConversionProgress {
  tensors: number;
  /** Read so far, of the tensors. */
  bytes: number;
}

export interface ConversionResult extends ConversionProgress {
  shards: number;
  bytesIn: number;
  bytesOut: number;
  values: ValueCounts;
  carried: string[];
  /** What lies in the source and does not travel. */
  left: string[];
}

/** The largest that is published has some 100 kB, of labels. */
const MAX_CONFIG_BYTES = 4_000_000;

/** PyTorch's name of a dtype, as config.json has it. */
const TORCH_NAMES = { BF16: 'bfloat16' } as const satisfies Record<TargetDtype, string>;

/**
 * Converts a checkpoint's FP32 weights, piece by piece: it holds a few megabytes however large a tensor is. The target
 * is complete and on the disk when it appears under its name, and not there at all otherwise.
 *
 * Throws SafetensorsError where the source breaks a rule of its format, CheckpointError where it can't be converted,
 * and the signal's reason when that aborts, between two pieces of a tensor.
 */
export async function convertCheckpoint(request: ConversionRequest): Promise<ConversionResult> {
  const { source, target } = request;
  if (existsSync(target)) throw new CheckpointError('output_exists', `${target} is there already: a conversion begins with an empty place`);
  const reader = await CheckpointReader.open(source);
  // Renamed within one folder: across file systems that would be a copy, and not at once.
  const temp = tempName(target);
  try {
    const plan = planConversion(reader.tensors, { target: request.dtype, maxShardBytes: request.maxShardBytes });
    const config = withDtype(await readConfig(source), TORCH_NAMES[request.dtype]);
    const { carried, left } = await sortFiles(source);
    await mkdir(temp);
    const values: ValueCounts = { nan: 0, infinite: 0, overflowed: 0 };
    const done: ConversionProgress = { tensors: 0, bytes: 0 };
    const rings = { read: new ChunkRing(), write: new ChunkRing() };
    for (const shard of plan.shards) {
      await writeShard(join(temp, shard.file), shard, async (tensor, writer) => {
        request.signal?.throwIfAborted();
        const pieces = untilAborted(reader.read(tensor.source, rings.read), request.signal);
        await writer.writeTensor(tensor.source.name, tensor.dtype === tensor.source.dtype ? pieces : rounded(pieces, rings.write, values));
        done.tensors += 1;
        done.bytes += tensor.source.bytes;
        request.onProgress?.({ ...done }, plan);
      });
    }
    if (plan.shards.length > 1) await writeText(join(temp, INDEX_FILE), indexText(plan));
    await writeText(join(temp, CONFIG_FILE), config);
    for (const name of carried) await carry(name, source, temp);
    request.signal?.throwIfAborted();
    await syncDirectoryAsync(temp);
    await rename(temp, target);
    await syncDirectoryAsync(dirname(target));
    return { ...done, shards: plan.shards.length, bytesIn: plan.bytesIn, bytesOut: plan.bytesOut, values, carried, left };
  } catch (error) {
    await rm(temp, { recursive: true, force: true });
    throw error;
  } finally {
    await reader.close();
  }
}

async function writeShard(path: string, shard: PlannedShard, write: (tensor: PlannedShard['tensors'][number], writer: SafetensorsWriter) => Promise<void>): Promise<void> {
  const specs = shard.tensors.map(({ source, dtype }) => ({ name: source.name, dtype, shape: source.shape }));
  const writer = await SafetensorsWriter.create(path, specs);
  try {
    for (const tensor of shard.tensors) await write(tensor, writer);
    await writer.finish();
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}

/** A tensor may take minutes, and who sends SIGTERM waits for seconds. */
async function* untilAborted(pieces: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of pieces) {
    signal?.throwIfAborted();
    yield piece;
  }
}

async function* rounded(pieces: AsyncIterable<Uint8Array>, ring: ChunkRing, counts: ValueCounts): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of pieces) {
    const target = ring.next().subarray(0, piece.length / 2);
    fp32ToBf16(piece, target, counts);
    yield target;
  }
}

/** `weight_map` sorted by name and put together as text: a name such as 12 would change the order of an object's members. */
function indexText(plan: ConversionPlan): string {
  const map = plan.shards.flatMap(({ file, tensors }) => tensors.map(({ source }) => [source.name, file] as const));
  const entries = map.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, file]) => `    ${JSON.stringify(name)}: ${JSON.stringify(file)}`);
  return `{\n  "metadata": {\n    "total_size": ${plan.bytesOut}\n  },\n  "weight_map": {\n${entries.join(',\n')}\n  }\n}\n`;
}

async function readConfig(folder: string): Promise<string> {
  const text = await readBounded(join(folder, CONFIG_FILE), MAX_CONFIG_BYTES, (what) => new CheckpointError('config_invalid', `${CONFIG_FILE} ${what}`));
  if (text === undefined) throw new CheckpointError('config_missing', `the checkpoint has no ${CONFIG_FILE}, without which no loader knows what the weights are`);
  return text;
}

async function writeText(path: string, text: string): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
