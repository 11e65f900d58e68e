import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelConfig } from '../../../examples/tiny-llama/src/model/config.js';
import { createDecoder, type Decoder } from '../../../examples/tiny-llama/src/model/decoder.js';
import { parametersOf } from '../../../examples/tiny-llama/src/model/parameters.js';
import { normal } from '../../../examples/tiny-llama/src/model/random.js';
import { ROOT } from '../../support/sources.js';

/** Small, and awkward where a kernel has edges: a vocabulary and a context that are no multiples of eight, shared keys. */
export const SMALL: ModelConfig = { vocab: 258, dim: 16, layers: 2, heads: 2, kvHeads: 1, headDim: 8, ffn: 24, ropeTheta: 10000, epsilon: 1e-5, tied: false, maxPositions: 96 };

/** Weights large enough that every part of the model has a say; by parameter name. */
export const strongWeights = (config: ModelConfig, seed: number): Map<string, { shape: readonly number[]; values: Float32Array }> =>
  new Map(
    parametersOf(config).all.map(({ name, shape, size }, index) => [name, { shape, values: Float32Array.from({ length: size }, (_, i) => (shape.length === 1 ? 1 : 0) + 0.3 * normal(seed, index, i)) }]),
  );

export const strongDecoder = (config: ModelConfig, seed = 1): Decoder => createDecoder(config, (take) => strongWeights(config, seed).forEach((tensor, name) => take(name, tensor)));

export const someTokens = (count: number, seed: number): number[] => Array.from({ length: count }, (_, i) => Math.floor(Math.abs(normal(seed, i)) * 97) % 258);

let built: string | undefined;
/** The example's programs, bundled into a folder of this test file's own. */
export function builtJobs(): string {
  if (built === undefined) {
    built = mkdtempSync(join(tmpdir(), 'tiny-llama-jobs-'));
    execFileSync(process.execPath, [join(ROOT, 'scripts/build-examples.mjs'), built], { stdio: 'ignore' });
  }
  return built;
}

const PHRASES = ['the ferry carries a model ', 'from one shore to another, ', 'and nobody swims. ', 'Tickets are checked twice; ', 'größer wird es nicht — '];

/** A dataset in the form that prepareData leaves. */
export function writeDataset(folder: string, documents = { train: 40, heldout: 12 }): string {
  mkdirSync(folder, { recursive: true });
  const splits = Object.fromEntries(
    Object.entries(documents).map(([split, count], part) => {
      const lines = Array.from({ length: count }, (_, i) => JSON.stringify({ id: `${split}-${i}`, source: 'test', text: Array.from({ length: 14 }, (__, j) => PHRASES[(i * 7 + j * j + part) % PHRASES.length]).join('') }));
      writeFileSync(join(folder, `${split}.jsonl`), lines.map((line) => `${line}\n`).join(''));
      return [split, { file: `${split}.jsonl`, documents: count, bytes: lines.join('').length }];
    }),
  );
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ schema: 'modelferry.dataset/1', splits }));
  return folder;
}

export interface JobRun {
  child: ChildProcess;
  ended: Promise<{ code: number | null; log: string }>;
  output: string;
  checkpoints: string;
  progress: () => Record<string, unknown>[];
}

/** Starts a program under the job contract in a folder of its own. */
export function startJob(program: string, params: unknown, inputs: Record<string, string>, env: Record<string, string> = {}): JobRun {
  const folder = mkdtempSync(join(tmpdir(), 'tiny-llama-job-'));
  const at = (name: string): string => join(folder, name);
  for (const name of ['out', 'checkpoints']) mkdirSync(at(name));
  writeFileSync(at('params.json'), JSON.stringify(params));
  writeFileSync(at('progress.jsonl'), '');
  const child = spawn(process.execPath, [join(builtJobs(), program)], {
    env: {
      PATH: process.env['PATH'],
      FERRY_OUTPUT_DIR: at('out'), FERRY_CHECKPOINT_DIR: at('checkpoints'), FERRY_PARAMS_FILE: at('params.json'), FERRY_PROGRESS_FILE: at('progress.jsonl'),
      ...Object.fromEntries(Object.entries(inputs).map(([name, path]) => [`FERRY_INPUT_${name}`, path])),
      ...env,
    },
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (log += text));
  const ended = new Promise<{ code: number | null; log: string }>((resolve) => child.once('close', (code) => resolve({ code, log })));
  const progress = (): Record<string, unknown>[] => readFileSync(at('progress.jsonl'), 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>);
  return { child, ended, output: at('out'), checkpoints: at('checkpoints'), progress };
}

/** sha256 of each file of a folder. */
export const digests = (folder: string): Record<string, string> =>
  Object.fromEntries(readdirSync(folder).sort().map((name) => [name, createHash('sha256').update(readFileSync(join(folder, name))).digest('hex')]));

/** Waits until `found` gives something. */
export async function until<T>(found: () => T | undefined): Promise<T> {
  for (;;) {
    const value = found();
    if (value !== undefined) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
