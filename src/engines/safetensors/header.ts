import { oneLine } from '../../domain/text.js';
import { tensorBytes, isDtype } from './dtypes.js';
import type { Dtype } from './dtypes.js';
import { JsonTooDeepError, repeatedName } from './json-text.js';
import { SafetensorsError } from './safetensors-error.js';

/** The reference implementation's limit; without one a header's length field could ask for any amount of memory. */
export const MAX_HEADER_BYTES = 100_000_000;
/** The header's length, a little-endian u64, comes first. */
export const LENGTH_BYTES = 8;

export interface TensorInfo {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Offset of the first byte, from the start of the file. */
  readonly begin: number;
  readonly bytes: number;
}

export interface SafetensorsHeader {
  /** In the order of their bytes in the file. */
  readonly tensors: readonly TensorInfo[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** The length of the header that the first 8 bytes announce. Throws SafetensorsError where the file cannot hold it. */
export function headerLength(file: string, first: Uint8Array, fileBytes: number): number {
  if (first.length < LENGTH_BYTES) throw new SafetensorsError('file_too_short', { file }, `has ${fileBytes} bytes; a safetensors file begins with ${LENGTH_BYTES} that give its header's length`);
  const length = new DataView(first.buffer, first.byteOffset).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) throw new SafetensorsError('header_too_large', { file }, `announces a header of ${length} bytes, more than the ${MAX_HEADER_BYTES} that are allowed`);
  if (LENGTH_BYTES + Number(length) > fileBytes) throw new SafetensorsError('header_truncated', { file }, `announces a header of ${length} bytes and has only ${fileBytes} in all: it was cut short`);
  return Number(length);
}

/**
 * Parses a header and checks all that the format requires: known dtypes, byte lengths that equal shape times element,
 * and tensors that fill the file's data without overlap or hole. Throws SafetensorsError for the first fault.
 * @param bytes the header's JSON, without the length before it
 * @param fileBytes the size of the whole file
 */
export function parseHeader(file: string, bytes: Uint8Array, fileBytes: number): SafetensorsHeader {
  const fault = (code: ConstructorParameters<typeof SafetensorsError>[0], what: string, tensor?: string): SafetensorsError => new SafetensorsError(code, { file, tensor }, what);
  const value = parseJson(file, bytes);
  let metadata: Record<string, string> = {};
  const tensors: TensorInfo[] = [];
  const dataBegin = LENGTH_BYTES + bytes.length;
  for (const [name, entry] of Object.entries(value)) {
    if (name === '__metadata__') {
      if (!isStrings(entry)) throw fault('metadata_invalid', '__metadata__ is no map from text to text');
      metadata = entry;
      continue;
    }
    if (!isEntry(entry)) throw fault('entry_invalid', 'its entry in the header is not {dtype, shape, data_offsets}', name);
    const { dtype, shape, data_offsets: offsets } = entry;
    if (!isDtype(dtype)) throw fault('dtype_unknown', `has the dtype ${JSON.stringify(dtype.slice(0, 40))}, which the format does not know`, name);
    if (!shape.every(isCount)) throw fault('shape_invalid', `has the shape ${show(shape)}; dimensions are whole numbers from 0`, name);
    const [begin, end] = offsets;
    if (offsets.length !== 2 || !isCount(begin) || !isCount(end) || begin > end) throw fault('offsets_invalid', `has the offsets ${show(offsets)}; they are [begin, end] with begin not after end`, name);
    const expected = tensorBytes(dtype, shape);
    if (expected === undefined) throw fault('shape_invalid', `has the shape ${show(shape)}, which is no whole number of bytes, or too many, as ${dtype}`, name);
    if (expected !== end - begin) throw fault('size_mismatch', `has ${end - begin} bytes; ${dtype} of shape ${show(shape)} has ${expected}`, name);
    if (dataBegin + end > fileBytes) throw fault('data_truncated', `ends at byte ${dataBegin + end} and the file at ${fileBytes}: it was cut short`, name);
    tensors.push({ name, dtype, shape, begin: dataBegin + begin, bytes: expected });
  }
  // An empty tensor has no bytes and stands before the one that begins where it does.
  tensors.sort((a, b) => a.begin - b.begin || a.bytes - b.bytes);
  let at = dataBegin;
  for (const tensor of tensors) {
    if (tensor.begin < at) throw fault('tensors_overlap', `begins at byte ${tensor.begin}, inside the tensor before it`, tensor.name);
    if (tensor.begin > at) throw fault('hole', `begins at byte ${tensor.begin}; the ${tensor.begin - at} before it belong to no tensor`, tensor.name);
    at = tensor.begin + tensor.bytes;
  }
  if (at < fileBytes) throw fault('trailing_bytes', `the last ${fileBytes - at} bytes belong to no tensor`);
  return { tensors, metadata };
}

function parseJson(file: string, bytes: Uint8Array): Record<string, unknown> {
  let text: string;
  try {
    // A byte order mark is kept, so that JSON.parse refuses it as other readers do.
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new SafetensorsError('header_not_utf8', { file }, 'its header is not UTF-8');
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SafetensorsError('header_not_json', { file }, 'its header is not JSON');
  }
  if (!isObject(value)) throw new SafetensorsError('header_not_json', { file }, 'its header is no JSON object');
  const repeated = findRepeated(file, text);
  if (repeated !== undefined) throw new SafetensorsError('duplicate_name', { file, tensor: repeated[0] }, `its header has ${JSON.stringify(oneLine(repeated.at(-1) ?? '', 200))} twice`);
  return value;
}

function findRepeated(file: string, text: string): readonly string[] | undefined {
  try {
    return repeatedName(text);
  } catch (error) {
    if (error instanceof JsonTooDeepError) throw new SafetensorsError('header_not_json', { file }, `its header ${error.message}`);
    throw error;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
const isStrings = (value: unknown): value is Record<string, string> => isObject(value) && Object.values(value).every((text) => typeof text === 'string');

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: number[];
}

const isNumbers = (value: unknown): value is number[] => Array.isArray(value) && value.every((element) => typeof element === 'number');

function isEntry(value: unknown): value is Entry {
  return isObject(value) && Object.keys(value).length === 3 && typeof value['dtype'] === 'string' && isNumbers(value['shape']) && isNumbers(value['data_offsets']);
}

const show = (numbers: readonly number[]): string => JSON.stringify(numbers).slice(0, 80);
