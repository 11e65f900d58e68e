import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunState } from '../../src/domain/run-state.js';
import type { RunSpecInput } from '../../src/domain/spec.js';
import { TEST_SITE, makes, shellJob, startStack, until, type Stack, type WorkerProcess } from '../support/stack.js';

const SECRET = 'hf_planted-Zq7ksecretW2';
const SECRET_SHA = createHash('sha256').update(SECRET).digest('hex');

let stack: Stack;
let worker: WorkerProcess;
beforeAll(async () => {
  stack = await startStack();
  worker = await stack.startWorker({ site: { ...TEST_SITE, secrets: { hf: { env: 'SITE_HF_TOKEN' } } }, env: { SITE_HF_TOKEN: SECRET }, logLevel: 'trace' });
}, 180_000);
afterAll(async () => {
  await worker?.drain();
  await stack?.stop();
});

const training = (script: string, secret: string): RunSpecInput => ({
  schema: 'modelferry.run/1',
  model: 'tiny',
  version: '1',
  stages: { train: { attempts: [{ ...shellJob(script), env: { HF_TOKEN: { secret } } }] } },
});

function filesWith(needle: string, folder: string): string[] {
  const found: string[] = [];
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const path = join(folder, name);
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === true && readFileSync(path).includes(needle)) found.push(name);
  }
  return found;
}

/** Payloads are base64 in a history's JSON: without decoding them a search would find nothing, whatever is in there. */
const decoded = (json: string): string => json.replace(/"data":\s*"([A-Za-z0-9+/=]+)"/g, (_, data: string) => Buffer.from(data, 'base64').toString());

describe('a secret that a job asks for by name', () => {
  it('reaches the job, and stands in no file, history or log', async () => {
    const run = await stack.startRun('secret', training(`[ "$(printf %s "$HF_TOKEN" | sha256sum | cut -d' ' -f1)" = ${SECRET_SHA} ]; [ -z "$SITE_HF_TOKEN" ]; ${makes('checkpoint')}`, 'hf'));
    const { state } = (await run.result()) as { state: RunState };
    expect(state.status).toBe('completed');

    const history = decoded(historyToJSON(await run.fetchHistory()));
    expect(history).toContain('HF_TOKEN');
    expect(history).not.toContain(SECRET);
    expect(worker.log()).toContain('job_submitted');
    expect(worker.log()).not.toContain(SECRET);
    expect(filesWith(state.runUid, stack.home)).not.toEqual([]);
    expect(filesWith(SECRET, stack.home)).toEqual([]);
    expect(filesWith(SECRET, stack.server.home)).toEqual([]);
  });

  it('and prints, stands in its own log alone', async () => {
    const run = await stack.startRun('printed', training('echo "login with $HF_TOKEN failed" >&2; exit 78', 'hf'));
    const state = await until(run, (s) => s.gates['repair.train'] !== undefined);
    expect(state.failure?.rootLine).toBe('login with [secret hf] failed');
    expect(JSON.stringify(state)).not.toContain(SECRET);
    await run.terminate();

    const history = decoded(historyToJSON(await run.fetchHistory()));
    expect(history).toContain('[secret hf]');
    expect(history).not.toContain(SECRET);
    expect(worker.log()).not.toContain(SECRET);
    // What a program prints is its own business and is kept as it is, for those who may read the job's directory.
    const ownLog = join('jobs', run.runUid, 'train', `${run.runUid}.train.r1.a1`, 'log');
    expect(filesWith(SECRET, stack.home)).toEqual([ownLog]);
    expect(filesWith(SECRET, stack.server.home)).toEqual([]);
  });

  it('that the site does not have stops the run at a repair gate, which names it', async () => {
    const run = await stack.startRun('no-secret', training('true', 'hff'));
    const state = await until(run, (s) => s.gates['repair.train'] !== undefined);
    expect(state.failure).toMatchObject({ kind: 'unknown_secret', message: expect.stringContaining('hff') });
    await run.terminate();
  });
});
