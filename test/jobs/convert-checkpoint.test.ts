import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AuditReport } from '../../src/domain/reports/audit-report.js';
import { run } from '../../src/jobs/convert-checkpoint.js';
import { runJobProgram } from '../../src/jobs/job-context.js';
import { buildOnce, PACKAGE_ROOT } from '../contract/job-kit.js';
import { f32, writeCheckpoint, type GivenTensor } from '../support/checkpoints.js';

let place: string;
let source: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'modelferry-job-'));
  source = join(place, 'checkpoint');
  mkdirSync(join(place, 'out'));
  params({ dtype: 'bf16' });
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

const params = (value: unknown): void => writeFileSync(join(place, 'params.json'), JSON.stringify(value));
const environment = (): Record<string, string> => ({
  FERRY_OUTPUT_DIR: join(place, 'out'),
  FERRY_PARAMS_FILE: join(place, 'params.json'),
  FERRY_PROGRESS_FILE: join(place, 'progress.jsonl'),
  FERRY_INPUT_CHECKPOINT: source,
});
const progress = (): Record<string, unknown>[] =>
  existsSync(join(place, 'progress.jsonl')) ? readFileSync(join(place, 'progress.jsonl'), 'utf8').split('\n').filter((line) => line.endsWith('}')).map((line) => JSON.parse(line) as Record<string, unknown>) : [];
const outputs = (): string[] => readdirSync(join(place, 'out')).sort();

async function job(signal: AbortSignal = new AbortController().signal): Promise<{ code: number; log: string[] }> {
  const log: string[] = [];
  return { code: await runJobProgram(run, { env: environment(), log: (line) => log.push(line), signal }), log };
}

const tensor = (name: string, ...values: number[]): GivenTensor => ({ name, dtype: 'F32', shape: [values.length], data: f32(...values) });

describe('convert-checkpoint', () => {
  it('makes a model and its audit, tells its progress, and the verdict last', async () => {
    writeCheckpoint(source, [[tensor('a', 1, 2.001), tensor('b', 3)]], { 'trainer_state.json': '{}' });
    params({ dtype: 'bf16', maxShardBytes: 4 });
    const { code, log } = await job();
    expect({ code, outputs: outputs() }).toEqual({ code: 0, outputs: ['audit', 'model'] });
    expect(readdirSync(join(place, 'out/model')).sort()).toEqual(['config.json', 'model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors', 'model.safetensors.index.json']);
    const report = AuditReport.parse(JSON.parse(readFileSync(join(place, 'out/audit/audit.json'), 'utf8')));
    expect(report.verdict.value).toBe('pass');
    const lines = progress();
    expect(lines[0]).toEqual({ step: 1, total: 2, metrics: { tensors: 1, bytes: 8 } });
    expect(lines.slice(-3)).toEqual([
      { phase: 'auditing' },
      { step: 2, total: 2, metrics: { tensors: 2, shards: 2, bytesIn: 12, bytesOut: 6, nan: 0, infinite: 0, overflowed: 0, maxRelativeError: report.maxRelativeError } },
      { verdict: report.verdict },
    ]);
    expect(report.left).toEqual(['trainer_state.json']);
    expect(log[0]).toBe('left behind, of no kind that loaders are known to need: trainer_state.json');
  });

  it('ends well where the audit does not pass: the verdict says it', async () => {
    writeCheckpoint(source, [[tensor('a', 3.4e38)]]);
    expect((await job()).code).toBe(0);
    expect(progress().at(-1)).toMatchObject({ verdict: { value: 'fail', reasons: [expect.stringContaining('1 finite values became infinite')] } });
  });

  it.each([
    ['another dtype', { dtype: 'fp8' }, /^wrong parameters: dtype: /],
    ['no dtype', {}, /^wrong parameters: dtype: /],
    ['a parameter that is not known', { dtype: 'bf16', shards: 3 }, /^wrong parameters: .*shards/],
    ['a limit of nothing', { dtype: 'bf16', maxShardBytes: 0 }, /^wrong parameters: maxShardBytes: /],
  ])('ends with 78 for %s', async (_, given, says) => {
    writeCheckpoint(source, [[tensor('a', 1)]]);
    params(given);
    const { code, log } = await job();
    expect(code).toBe(78);
    expect(log.at(-1)).toMatch(says);
  });

  it('ends with 78 without its input', async () => {
    expect(await job()).toMatchObject({ code: 78, log: [expect.stringContaining('the input checkpoint is not there')] });
  });

  it.each([
    ['a checkpoint that was cut short', () => writeFileSync(join(source, 'model.safetensors'), readFileSync(join(source, 'model.safetensors')).subarray(0, -1)), /^checkpoint_corrupt: model\.safetensors: tensor "a": ends at byte \d+ and the file at \d+: it was cut short$/],
    ['a folder without weights', () => rmSync(join(source, 'model.safetensors')), /^checkpoint_corrupt: model\.safetensors: the folder has neither/],
    ['a checkpoint without config.json', () => rmSync(join(source, 'config.json')), /^missing_file: the checkpoint has no config\.json/],
    ['a config.json that is not JSON', () => writeFileSync(join(source, 'config.json'), '{'), /^bad_data: config\.json is not JSON/],
    ['a header that is not JSON', () => writeFileSync(join(source, 'model.safetensors'), Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{')])), /^checkpoint_corrupt: model\.safetensors: its header is not JSON/],
    ['a tokenizer that is a link', () => symlinkSync('elsewhere', join(source, 'tokenizer.json')), /^bad_data: tokenizer\.json is needed/],
    ['weights of a dtype that is not supported yet', () => writeCheckpoint(source, [[{ ...tensor('a', 1), dtype: 'F64', shape: [], data: Buffer.alloc(8) }]]), /^unsupported_op_dtype: model\.safetensors: tensor "a" is F64/],
  ])('ends with 78, which asks a person at once, and one line for %s', async (_, spoil, says) => {
    writeCheckpoint(source, [[tensor('a', 1)]]);
    spoil();
    const { code, log } = await job();
    expect({ code, lines: log.length }).toEqual({ code: 78, lines: 1 });
    expect(log[0]).toMatch(says);
    expect(outputs()).toEqual([]);
  });

  it('ends with 1 where another try may do: the output is there already', async () => {
    writeCheckpoint(source, [[tensor('a', 1)]]);
    mkdirSync(join(place, 'out/model'));
    expect(await job()).toEqual({ code: 1, log: [expect.stringMatching(/^\S*out\/model is there already/)] });
  });

  it('ends with 75 when it is told to stop, and leaves nothing', async () => {
    writeCheckpoint(source, [[tensor('a', 1)]]);
    expect((await job(AbortSignal.abort())).code).toBe(75);
    expect(outputs()).toEqual([]);
  });
});

describe('a real process, with a checkpoint of 300 MB', () => {
  const children: ChildProcess[] = [];
  beforeAll(buildOnce, 90_000);
  afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

  /** Zeros that are holes in the file: made at once, and read like any others. */
  function sparse(tensors: number, bytesEach: number): void {
    mkdirSync(source);
    const header = Buffer.from(JSON.stringify(Object.fromEntries(Array.from({ length: tensors }, (_, i) => [`t${i}`, { dtype: 'F32', shape: [bytesEach / 4], data_offsets: [i * bytesEach, (i + 1) * bytesEach] }]))));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const fd = openSync(join(source, 'model.safetensors'), 'w');
    writeSync(fd, Buffer.concat([length, header]));
    ftruncateSync(fd, 8 + header.length + tensors * bytesEach);
    closeSync(fd);
    writeFileSync(join(source, 'config.json'), '{}');
  }

  function start(...flags: string[]): { child: ChildProcess; err: () => string } {
    const child = spawn(process.execPath, [...flags, join(PACKAGE_ROOT, 'bin/ferry.js'), 'job', 'convert-checkpoint'], { env: { ...environment(), PATH: process.env['PATH'], HOME: place }, stdio: ['ignore', 'ignore', 'pipe'] });
    children.push(child);
    let text = '';
    child.stderr?.on('data', (piece: Buffer) => (text += piece.toString()));
    return { child, err: () => text };
  }

  /** The most memory that a conversion of one tensor takes, in bytes. */
  async function peakOf(bytes: number): Promise<number> {
    sparse(1, bytes);
    const { child, err } = start('--max-old-space-size=64', '--import', `data:text/javascript,process.on('exit',()=>console.error('peak',process.resourceUsage().maxRSS))`);
    const [code] = (await once(child, 'exit')) as [number];
    expect({ code, verdict: progress().at(-1)?.['verdict'] }).toMatchObject({ code: 0, verdict: { value: 'pass' } });
    rmSync(source, { recursive: true });
    rmSync(join(place, 'out'), { recursive: true });
    mkdirSync(join(place, 'out'));
    return Number(/peak (\d+)/.exec(err())?.[1]) * 1024;
  }

  it('takes no more memory for one tensor of 300 MB than for one of 4 bytes, but for its buffers', async () => {
    const least = await peakOf(4);
    const most = await peakOf(300_000_000);
    expect(most - least).toBeLessThan(60_000_000);
  }, 60_000);

  it.each([
    ['SIGKILL', null, 1],
    ['SIGTERM', 75, 0],
  ] as const)('has no output after %s in its middle', async (signal, expected, unfinished) => {
    sparse(300, 1_000_000);
    const { child } = start();
    for (const giveUpAt = Date.now() + 20_000; progress().length === 0 && Date.now() < giveUpAt; ) await sleep(2);
    child.kill(signal);
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).toBe(expected);
    const done = progress().at(-1)?.['step'] as number;
    expect(done).toBeGreaterThanOrEqual(1);
    expect(done).toBeLessThan(300);
    // What a killed process leaves is under a name that nobody takes for an output.
    expect(outputs().filter((name) => !name.startsWith('model.tmp-'))).toEqual([]);
    expect(outputs()).toHaveLength(unfinished);
  }, 30_000);
});
