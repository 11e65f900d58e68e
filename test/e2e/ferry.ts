import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import type { RunStatusView } from '../../src/domain/status.js';
import { ROOT } from '../support/sources.js';
import { findTestServer } from '../support/temporal-server.js';

/** The command of this checkout. */
const FERRY: readonly string[] = [process.execPath, join(ROOT, 'bin/ferry.js')];

export interface FerryOptions {
  /** Default: the command of this checkout. */
  command?: readonly string[];
  /** Where it is called; default: the home. */
  cwd?: string;
}

export interface Answer<T> {
  code: number | null;
  /** What stood on stdout. */
  json: T;
  stderr: string;
  ms: number;
}

export interface Dev {
  info: { address: string; namespace: string; ui: string; home: string; pids: { server: number | null; workers: number[] } };
  /** Ctrl-C; resolves with the exit code and what was said on stderr. */
  interrupt: () => Promise<{ code: number | null; stderr: string }>;
}

export interface Started {
  ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
  /** Ctrl-C; resolves as `ended`. */
  interrupt: () => Started['ended'];
}

/** The command `ferry` as a person at a machine of their own has it: bin/ferry.js, one home, no other settings. */
export class Ferry {
  readonly #running = new Set<ChildProcess>();

  private constructor(
    readonly home: string,
    readonly env: NodeJS.ProcessEnv,
    private readonly command: readonly string[],
    private readonly cwd: string,
  ) {}

  /** `temporal` stands on PATH: without it the first `ferry dev` of a home downloads one. */
  static async at(home: string, { command = FERRY, cwd = home }: FerryOptions = {}): Promise<Ferry> {
    const { path } = await findTestServer();
    const { TEMPORAL_ADDRESS: _a, TEMPORAL_NAMESPACE: _n, TEMPORAL_PROFILE: _p, FERRY_SITE: _s, FERRY_PIPELINES: _o, ...env } = process.env;
    return new Ferry(home, { ...env, PATH: `${dirname(path)}:${env['PATH'] ?? ''}`, FERRY_HOME: home, FERRY_USER: 'alice' }, command, cwd);
  }

  /** Runs a command with `--json` to its end; what it prints must be one document. */
  async call<T>(...args: string[]): Promise<Answer<T>> {
    const from = Date.now();
    const child = this.#spawn([...args, '--json']);
    const [stdout, stderr] = [text(child.stdout), text(child.stderr)];
    const [code] = (await once(child, 'exit')) as [number | null];
    const out = await stdout;
    try {
      return { code, json: JSON.parse(out) as T, stderr: await stderr, ms: Date.now() - from };
    } catch {
      throw new Error(`ferry ${args.join(' ')} exited with ${code} and printed no JSON document: ${out.slice(0, 2000)}\n${await stderr}`);
    }
  }

  /** Starts a command and leaves it running. */
  start(...args: string[]): Started {
    const child = this.#spawn(args);
    const [stdout, stderr] = [text(child.stdout), text(child.stderr)];
    const ended = (once(child, 'exit') as Promise<[number | null]>).then(async ([code]) => ({ code, stdout: await stdout, stderr: await stderr }));
    return {
      ended,
      interrupt: () => {
        child.kill('SIGINT');
        return ended;
      },
    };
  }

  async dev(): Promise<Dev> {
    const child = this.#spawn(['dev', '--port', '0', '--ui-port', '0', '--json']);
    const stderr = text(child.stderr);
    const exit = once(child, 'exit') as Promise<[number | null]>;
    if (child.stdout === null) throw new Error('no stdout');
    const first = await Promise.race([once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>, exit.then(() => undefined)]);
    if (first === undefined) throw new Error(`ferry dev ended: ${await stderr}`);
    return {
      info: JSON.parse(first[0]) as Dev['info'],
      interrupt: async () => {
        child.kill('SIGINT');
        const [code] = await exit;
        return { code, stderr: await stderr };
      },
    };
  }

  async status(run: string): Promise<RunStatusView> {
    return (await this.call<RunStatusView>('status', run)).json;
  }

  /** Asks for the status until it satisfies a condition; fails after a minute with the last one. */
  async until(run: string, holds: (view: RunStatusView) => boolean): Promise<RunStatusView> {
    const end = Date.now() + 60_000;
    for (;;) {
      const { code, json: view } = await this.call<RunStatusView>('status', run);
      // A server that is just starting knows the run in a moment.
      if ((code === 0 || code === 1) && 'stages' in view && holds(view)) return view;
      if (Date.now() > end) throw new Error(`not within a minute: ${JSON.stringify(view, null, 1).slice(0, 4000)}`);
      await delay(200);
    }
  }

  /** Ends what a failed test left running: `ferry dev` takes its jobs, worker and server with it. */
  async close(): Promise<void> {
    await Promise.all(
      [...this.#running].map(async (child) => {
        const exit = once(child, 'exit');
        child.kill('SIGINT');
        await exit;
      }),
    );
  }

  #spawn(args: readonly string[]): ChildProcess {
    const [program = '', ...first] = this.command;
    const child = spawn(program, [...first, ...args], { cwd: this.cwd, env: this.env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#running.add(child);
    child.once('exit', () => this.#running.delete(child));
    return child;
  }
}

async function text(stream: NodeJS.ReadableStream | null): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream ?? []) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}
