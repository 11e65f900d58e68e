import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { main } from '../../src/cli/main.js';

export interface Called {
  code: number;
  out: string;
  err: string;
}

export interface CallOptions {
  cwd?: string;
  /** Nothing of this process's environment comes in; `FERRY_HOME` is an empty folder unless it is given. */
  env?: Record<string, string>;
  columns?: number;
}

/** Runs `ferry` in this process, as it is called in a pipe. */
export async function call(args: readonly string[], { cwd = tmpdir(), env = {}, columns = 100 }: CallOptions = {}): Promise<Called> {
  let out = '';
  let err = '';
  const code = await main(args, {
    env: { FERRY_HOME: mkdtempSync(join(tmpdir(), 'ferry-home-')), FERRY_USER: 'tester', ...env },
    cwd,
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    isTty: false,
    canAsk: false,
    columns,
    rows: 24,
    signal: new AbortController().signal,
    heed: () => undefined,
  });
  return { code, out, err };
}
