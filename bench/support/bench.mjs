// What every benchmark is made of: a scope that leaves nothing behind, also on Ctrl-C, a quiet dev server, and tables.
import { spawn } from 'node:child_process';
import { createReadStream, existsSync, openSync, closeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';

const at = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
if (!existsSync(at('dist/workflow-bundle.js'))) {
  console.error('dist is missing: run npm run build first');
  process.exit(2);
}
const { SEARCH_ATTRIBUTES } = await import('../../dist/domain/views.js');
const { findServer } = await import('../../dist/engines/temporal-server/find-server.js');
const { startServer } = await import('../../dist/engines/temporal-server/server-process.js');

/** After a signal, for what is being made at that moment to notice and to take itself away again. */
const LATE_MS = 10_000;

/**
 * Runs a benchmark. `scope.use(dispose)` says how something is taken away again; the newest goes first, whatever ends
 * the run. `scope.signal` is aborted by SIGINT, SIGTERM and SIGHUP.
 */
export async function bench(main) {
  const interrupted = new AbortController();
  const disposers = [];
  const scope = {
    signal: interrupted.signal,
    use: (dispose) => void disposers.push(dispose),
  };
  const clean = async () => {
    for (let dispose = disposers.pop(); dispose !== undefined; dispose = disposers.pop()) {
      await Promise.resolve(dispose()).catch((error) => console.error('while cleaning up:', error));
    }
  };
  const work = main(scope);
  const interrupt = async (name, code) => {
    interrupted.abort(new Error(`ended by ${name}`));
    console.error(`${name}: cleaning up`);
    // Whatever still asks the server that goes away now may fail as it likes.
    process.on('uncaughtException', () => undefined);
    await clean();
    await Promise.race([work.catch(() => undefined), delay(LATE_MS)]);
    await clean(); // what came into being meanwhile
    process.exit(code);
  };
  for (const [name, code] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]]) process.once(name, () => void interrupt(name, code));
  try {
    await work;
  } catch (error) {
    if (interrupted.signal.aborted) return await new Promise(() => undefined); // the signal's handler ends the process
    console.error(error);
    process.exitCode = 1;
  }
  await clean();
}

export async function tempFolder(scope) {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-bench-'));
  scope.use(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

/** A dev server of its own on free ports, without Web UI, with the project's search attributes. */
export async function startDevServer(scope) {
  const { path: binary } = await findServer({ toolsDir: at('.cache/tools'), env: process.env, signal: scope.signal });
  const home = await tempFolder(scope);
  const server = await startServer({ binary, home, port: 0, uiPort: null, searchAttributes: SEARCH_ATTRIBUTES, logLevel: 'error', env: process.env, signal: scope.signal });
  scope.use(() => server.stop());
  const connection = await Connection.connect({ address: server.address });
  scope.use(() => connection.close());
  const { serverVersion } = await connection.workflowService.getSystemInfo({});
  return { address: server.address, home, client: new Client({ connection }), version: serverVersion };
}

/**
 * A program of ours as a child whose stderr goes to a file; `ready` resolves with the seconds from its start to the first
 * line on stdout. It leads its own group, so that a Ctrl-C reaches us alone.
 */
export function startProgram(scope, { args, env = process.env, cwd, logPath }) {
  const log = openSync(logPath, 'a');
  const from = process.hrtime.bigint();
  const child = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'pipe', log], detached: true });
  closeSync(log);
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  const gone = () => child.exitCode !== null || child.signalCode !== null;
  scope.use(async () => {
    if (gone()) return;
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), LATE_MS);
    await ended;
    clearTimeout(late);
  });
  const ready = Promise.race([
    new Promise((resolve) => createInterface({ input: child.stdout }).once('line', () => resolve(Number(process.hrtime.bigint() - from) / 1e9))),
    ended.then(async ({ code, signal }) => {
      let text = '';
      for await (const chunk of createReadStream(logPath)) text += chunk;
      throw new Error(`${args.join(' ')} ended (${code ?? signal}) before it was ready: ${text.slice(-2000)}`);
    }),
  ]);
  ready.catch(() => undefined); // told to whoever awaits it; an end after a kill is no fault
  return {
    pid: child.pid,
    ready,
    ended,
    async kill(signal) {
      child.kill(signal);
      await ended;
    },
  };
}

/** Where the numbers come from. */
export function machine(serverVersion) {
  const [first] = cpus();
  return `${first?.model ?? 'unknown CPU'}, ${cpus().length} cores · Node ${process.versions.node} · Temporal server ${serverVersion} · ${new Date().toISOString().slice(0, 10)}`;
}

/** Value at a share of the sorted values, between neighbours where it falls between two. */
export function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  return low + (high - low) * (place - Math.floor(place));
}

export const median = (values) => quantile(values, 0.5);

/** A Markdown table: it can be read in a terminal and pasted into docs/performance.md as it is. */
export function table(head, rows) {
  const all = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i].length)));
  const line = (row) => `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`;
  const rule = `| ${widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  const [first, ...others] = all;
  return [line(first), rule, ...others.map(line)].join('\n');
}

export const verdict = (met) => (met ? 'met' : 'missed');

/** `--name N` of the command line. */
export function countOption(name, fallback) {
  const at = process.argv.indexOf(`--${name}`);
  if (at < 0) return fallback;
  const value = Number(process.argv[at + 1]);
  if (!Number.isInteger(value) || value < 1) {
    console.error(`--${name} takes a whole number above zero`);
    process.exit(2);
  }
  return value;
}
