// How long the CLI takes to start, beside Node itself. From the root of a built checkout:
//   npx tsc -p tsconfig.json --noEmit false --outDir .cache/bench && node .cache/bench/bench/cli-start.js
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const ROUNDS = 20;
const FERRY = join(process.cwd(), 'bin', 'ferry.js');

/** A run that waits at a gate with a worker: its status is a query, the way that most calls go. */
const SPEC = `schema: modelferry.run/1
model: bench
version: v1
stages:
  train: {attempts: [{command: ["false"], failures: 1}]}
`;

interface Subject {
  name: string;
  args: readonly string[];
  /** Against `node -e 0`, as a factor, or in milliseconds. */
  goal?: { factor: number } | { ms: number };
  timesMs: number[];
}

function time(args: readonly string[], env: NodeJS.ProcessEnv): number {
  const began = process.hrtime.bigint();
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
  const took = Number(process.hrtime.bigint() - began) / 1e6;
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${String(status)}: ${stdout}${stderr}`);
  return took;
}

const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);
function median(values: readonly number[]): number {
  const all = sorted(values);
  const middle = all.length / 2;
  return all.length % 2 === 1 ? (all[Math.floor(middle)] ?? NaN) : ((all[middle - 1] ?? NaN) + (all[middle] ?? NaN)) / 2;
}

async function ready(dev: ChildProcess): Promise<void> {
  const { stdout } = dev;
  if (stdout === null) throw new Error('ferry dev has no stdout');
  for await (const line of createInterface({ input: stdout })) {
    if (line.startsWith('{')) return;
  }
  throw new Error('ferry dev ended before it was ready');
}

async function waitForGate(run: string, env: NodeJS.ProcessEnv): Promise<void> {
  for (let i = 0; i < 60; i += 1) {
    const { state } = JSON.parse(execFileSync(process.execPath, [FERRY, 'status', run, '--json'], { env, encoding: 'utf8' })) as { state: string };
    if (state === 'waiting') return;
    await new Promise((next) => setTimeout(next, 500));
  }
  throw new Error(`${run} does not wait at its gate`);
}

async function main(): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'ferry-bench-'));
  const env = { ...process.env, FERRY_HOME: home };
  const dev = spawn(process.execPath, [FERRY, 'dev', '--port', '0', '--ui-port', '0', '--headless', '--json'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = new Promise((resolve) => dev.once('exit', resolve));
  try {
    await ready(dev);
    const spec = join(home, 'bench.yaml');
    writeFileSync(spec, SPEC);
    execFileSync(process.execPath, [FERRY, 'start', spec, '--id', 'bench'], { env });
    await waitForGate('bench', env);
    const subjects: Subject[] = [
      { name: 'node -e 0', args: ['-e', '0'], timesMs: [] },
      { name: 'ferry --version', args: [FERRY, '--version'], goal: { factor: 1.5 }, timesMs: [] },
      { name: 'ferry --help', args: [FERRY, '--help'], goal: { factor: 1.5 }, timesMs: [] },
      { name: 'ferry status RUN --json', args: [FERRY, 'status', 'bench', '--json'], goal: { ms: 700 }, timesMs: [] },
    ];
    for (const { args } of subjects) time(args, env); // files into the cache
    const loadBefore = loadavg()[0] ?? NaN;
    // Interleaved: whatever else the machine does meanwhile meets all of them alike.
    for (let round = 0; round < ROUNDS; round += 1) for (const subject of subjects) subject.timesMs.push(time(subject.args, env));
    report(subjects, loadBefore);
  } finally {
    dev.kill('SIGINT');
    await gone;
    rmSync(home, { recursive: true, force: true });
  }
}

function report(subjects: readonly Subject[], load: number): void {
  const base = median(subjects[0]?.timesMs ?? []);
  const [cpu] = cpus();
  console.log(`${cpus().length} × ${cpu?.model ?? 'unknown CPU'}, ${(totalmem() / 1024 ** 3).toFixed(0)} GiB, Node ${process.version}, load ${load.toFixed(1)} at the start, ${ROUNDS} rounds\n`);
  console.log(`${'call'.padEnd(26)}${['median', 'best', 'worst', '× node'].map((head) => head.padStart(10)).join('')}   goal`);
  for (const { name, timesMs, goal } of subjects) {
    const all = sorted(timesMs);
    const mid = median(timesMs);
    const cells = [`${mid.toFixed(0)} ms`, `${(all[0] ?? NaN).toFixed(0)} ms`, `${(all.at(-1) ?? NaN).toFixed(0)} ms`, (mid / base).toFixed(2)];
    const text = goal === undefined ? '' : 'factor' in goal ? `${goal.factor} × node: ${mid <= base * goal.factor ? 'met' : 'missed'}` : `${goal.ms} ms: ${mid <= goal.ms ? 'met' : 'missed'}`;
    console.log(`${name.padEnd(26)}${cells.map((cell) => cell.padStart(10)).join('')}   ${text}`);
  }
}

await main();
