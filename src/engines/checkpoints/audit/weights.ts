import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

// The audit reads the format by itself. With the writing path's reader, a fault in that would hide in both.

export interface AuditedTensor {
  name: string;
  dtype: string;
  shape: number[];
  file: string;
  /** From the start of the file. */
  begin: number;
  bytes: number;
}

export interface AuditedIndex {
  weightMap: Map<string, string>;
  totalSize: number | undefined;
}

export interface AuditedWeights {
  folder: string;
  files: string[];
  /** A name that several files hold has several. */
  tensors: Map<string, AuditedTensor[]>;
  bytes: number;
  index: AuditedIndex | undefined;
  /** Files whose header does not say that its tensors are PyTorch's. */
  unmarked: string[];
  /** Of files that could not be read, or whose form is wrong. */
  problems: string[];
}

const MAX_HEADER_BYTES = 100_000_000;
const MAX_INDEX_BYTES = 64_000_000;

/** Bytes of an element; a tensor of another dtype is compared by its bytes alone. */
const ELEMENT_BYTES: Record<string, number> = { BOOL: 1, U8: 1, I8: 1, U16: 2, I16: 2, BF16: 2, F16: 2, U32: 4, I32: 4, F32: 4, U64: 8, I64: 8, F64: 8 };

/** All weights of a folder: every file that ends in `.safetensors`, whatever the index says, and the index beside them. */
export async function readWeights(folder: string): Promise<AuditedWeights> {
  const weights: AuditedWeights = { folder, files: [], tensors: new Map(), bytes: 0, index: undefined, unmarked: [], problems: [] };
  for (const file of (await readdir(folder)).filter((name) => name.endsWith('.safetensors')).sort()) {
    weights.files.push(file);
    try {
      const { tensors, isMarked } = await readLayout(folder, file);
      if (!isMarked) weights.unmarked.push(file);
      for (const tensor of tensors) {
        weights.tensors.set(tensor.name, [...(weights.tensors.get(tensor.name) ?? []), tensor]);
        weights.bytes += tensor.bytes;
      }
    } catch (error) {
      weights.problems.push(`${file}: ${messageOf(error)}`);
    }
  }
  try {
    weights.index = await readIndex(folder);
  } catch (error) {
    weights.problems.push(`model.safetensors.index.json: ${messageOf(error)}`);
  }
  return weights;
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Opens a regular file; a link could lead out of the folder, and a pipe would hold its reader for ever. */
export async function openRegular(path: string): Promise<FileHandle> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch((error: unknown) => {
    if (isObject(error) && error['code'] === 'ELOOP') throw new Error('is no regular file');
    throw error;
  });
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw new Error('is no regular file');
}

/** The text of a regular file of at most `maxBytes`. */
export async function readText(path: string, maxBytes: number): Promise<string> {
  const handle = await openRegular(path);
  try {
    const { size } = await handle.stat();
    if (size > maxBytes) throw new Error(`has ${size} bytes; at most ${maxBytes} are read`);
    const bytes = Buffer.alloc(size);
    if (!(await fill(handle, bytes, 0))) throw new Error('ended while it was read');
    return bytes.toString('utf8');
  } finally {
    await handle.close();
  }
}

/** The tensors of one file, which must fill it from the header's end to the last byte. */
async function readLayout(folder: string, file: string): Promise<{ tensors: AuditedTensor[]; isMarked: boolean }> {
  const handle = await openRegular(join(folder, file));
  try {
    const { size } = await handle.stat();
    const start = Buffer.alloc(8);
    if (size < 8 || !(await fill(handle, start, 0))) throw new Error('is too short for a header');
    const length = Number(start.readBigUInt64LE());
    if (length > MAX_HEADER_BYTES || 8 + length > size) throw new Error(`a header of ${length} bytes does not fit into ${size}`);
    const json = Buffer.alloc(length);
    if (!(await fill(handle, json, 8))) throw new Error('ended inside its header');
    const header: unknown = JSON.parse(json.toString('utf8'));
    const tensors = tensorsOf(header, file, 8 + length);
    let end = 8 + length;
    for (const tensor of tensors) {
      if (tensor.begin !== end) throw new Error(`the tensor ${tensor.name} begins at byte ${tensor.begin} where ${end} is the next`);
      end += tensor.bytes;
    }
    if (end !== size) throw new Error(`its tensors end at byte ${end} and the file at ${size}`);
    const metadata = isObject(header) ? header['__metadata__'] : undefined;
    return { tensors, isMarked: isObject(metadata) && metadata['format'] === 'pt' };
  } finally {
    await handle.close();
  }
}

function tensorsOf(header: unknown, file: string, dataBegin: number): AuditedTensor[] {
  if (!isObject(header)) throw new Error('its header is no object');
  const tensors: AuditedTensor[] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const { dtype, shape, data_offsets: offsets } = isObject(entry) ? entry : {};
    if (typeof dtype !== 'string' || !isCounts(shape) || !isCounts(offsets) || offsets.length !== 2) throw new Error(`the entry of ${name} is malformed`);
    const [begin = 0, end = 0] = offsets;
    const elementBytes = ELEMENT_BYTES[dtype];
    const expected = elementBytes === undefined ? undefined : shape.reduce((product, dimension) => product * dimension, elementBytes);
    if (end < begin || (expected !== undefined && expected !== end - begin)) throw new Error(`the tensor ${name} has ${end - begin} bytes for ${dtype} [${shape.join(', ')}]`);
    tensors.push({ name, dtype, shape, file, begin: dataBegin + begin, bytes: end - begin });
  }
  return tensors.sort((a, b) => a.begin - b.begin || a.bytes - b.bytes);
}

async function readIndex(folder: string): Promise<AuditedIndex | undefined> {
  let text: string;
  try {
    text = await readText(join(folder, 'model.safetensors.index.json'), MAX_INDEX_BYTES);
  } catch (error) {
    if (isObject(error) && error['code'] === 'ENOENT') return undefined;
    throw error;
  }
  const value: unknown = JSON.parse(text);
  const map = isObject(value) ? value['weight_map'] : undefined;
  const metadata = isObject(value) ? value['metadata'] : undefined;
  if (!isObject(map)) throw new Error('has no weight_map');
  const weightMap = new Map<string, string>();
  for (const [name, file] of Object.entries(map)) {
    if (typeof file !== 'string') throw new Error(`names no file for ${name}`);
    weightMap.set(name, file);
  }
  const totalSize = isObject(metadata) ? metadata['total_size'] : undefined;
  return { weightMap, totalSize: typeof totalSize === 'number' ? totalSize : undefined };
}

export const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const isCounts = (value: unknown): value is number[] => Array.isArray(value) && value.every((element) => Number.isSafeInteger(element) && (element as number) >= 0);

/** Fills the buffer from a place in the file; false where the file ends before. */
export async function fill(handle: FileHandle, buffer: Buffer, position: number): Promise<boolean> {
  for (let done = 0; done < buffer.length; ) {
    const { bytesRead } = await handle.read(buffer, done, buffer.length - done, position + done);
    if (bytesRead === 0) return false;
    done += bytesRead;
  }
  return true;
}
