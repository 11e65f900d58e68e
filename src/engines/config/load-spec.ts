import { realpath } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { RunSpec, type RunSpecInput } from '../../domain/spec.js';
import { readDocument, validate } from './document.js';

const WHAT = 'run spec';

export interface LoadedSpec {
  spec: RunSpec;
  /** As it was written: what is sent, since durations are texts there. */
  input: RunSpecInput;
  /** The file as it was named. */
  file: string;
  /** The spec's folder, with links resolved: what its paths are relative to, and what they may not leave. */
  dir: string;
}

/** Reads a run spec. @throws InvalidDocument with every problem. */
export async function loadSpec({ file, cwd }: { file: string; cwd: string }): Promise<LoadedSpec> {
  const path = resolve(cwd, file);
  const { raw, parsed } = await readDocument(path, WHAT, RunSpec);
  return { spec: parsed, input: raw as RunSpecInput, file, dir: dirname(await realpath(path)) };
}

/** Parses a spec that is in memory already. @throws InvalidDocument with every problem. */
export const parseSpec = (raw: unknown, file = '(run spec)'): RunSpec => validate(raw, file, WHAT, RunSpec);
