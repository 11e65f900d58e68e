import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordHistory, replayHistories, type Rehearsal, type RehearsalRun } from '../../src/testing/index.js';
import { ROOT } from '../support/sources.js';
import { RELEASE, rehearse } from './kit.js';

const version = (n: number): string => fileURLToPath(new URL(`./fixtures/sign-off.v${n}.mjs`, import.meta.url));
const SPEC = { schema: 'modelferry.run/1', pipeline: 'signOff', model: 'tiny', version: '1' } as const;
const SIGNED = { gates: { sign: [{ after: '30 days', verdict: 'yes', approver: 'olga', reason: 'seen' }] } };

let root: string;
let folder: string;
let env: Rehearsal;
let run: RehearsalRun;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'ferry-histories-'));
  folder = join(root, 'histories');
  env = await rehearse({ pipelines: version(1) });
  run = await env.start(SPEC, { id: 'signed', script: SIGNED });
}, 300_000);
afterAll(async () => {
  await env?.close();
  rmSync(root, { recursive: true, force: true });
});

describe('the history of a rehearsed run', () => {
  it('is recorded while the run waits and when it has ended, without the name of the machine', async () => {
    await env.sleep('15 days');
    expect(await recordHistory({ run, folder, name: 'waiting' })).toEqual([join(folder, 'waiting.1.json')]);
    await run.finished();
    expect(await recordHistory({ run, folder })).toEqual([join(folder, 'signed.1.json')]);
    const text = readFileSync(join(folder, 'signed.1.json'), 'utf8');
    expect(text).toContain('EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED');
    expect(text).not.toContain(`@${hostname()}`);
    expect(text).not.toContain(ROOT);
  });

  it('stays as it was recorded first, whatever is in the file by now', async () => {
    writeFileSync(join(folder, 'signed.1.json'), 'as it was');
    expect(await recordHistory({ run, folder })).toEqual([]);
    expect(readFileSync(join(folder, 'signed.1.json'), 'utf8')).toBe('as it was');
    rmSync(join(folder, 'signed.1.json'));
    await recordHistory({ run, folder });
    expect(readdirSync(folder).sort()).toEqual(['signed.1.json', 'waiting.1.json']);
  });

  it('has a name that can lead nowhere else', async () => {
    await expect(recordHistory({ run, folder, name: '../outside' })).rejects.toMatchObject({ code: 'bad_name' });
    expect(existsSync(join(root, 'outside.1.json'))).toBe(false);
  });
});

describe('recorded histories', () => {
  it('replay with the code that made them, and with what changed under patched()', async () => {
    expect(await replayHistories({ folder, pipelines: version(1) })).toEqual({});
    expect(await replayHistories({ folder, pipelines: version(2) })).toEqual({});
  });

  it('name each file where the code does something else without patched(), and what to do', async () => {
    const problems = await replayHistories({ folder, pipelines: version(3) });
    expect(Object.keys(problems)).toEqual(['signed.1.json', 'waiting.1.json']);
    for (const problem of Object.values(problems)) expect(problem).toMatch(/patched\(\).+recorded again\. \[TMPRL1100\] Nondeterminism error: [^"]+$/s);
  });

  it('name a file whose pipeline the code has no longer, and one that is no history, beside those that are well', async () => {
    const others = join(root, 'others');
    const another = await rehearse();
    try {
      const release = await another.start(RELEASE, { id: 'release', script: { gates: { approve: [{ verdict: 'approve', approver: 'demo-manager', reason: 'good' }] } } });
      await release.finished();
      await recordHistory({ run: release, folder: others });
    } finally {
      await another.close();
    }
    writeFileSync(join(others, 'torn.json'), '{"events":[');
    writeFileSync(join(others, 'empty.json'), '{}');
    writeFileSync(join(others, 'alien.1.json'), readFileSync(join(folder, 'signed.1.json')));
    writeFileSync(join(others, 'notes.txt'), 'no history');
    const problems = await replayHistories({ folder: others });
    expect(problems).toEqual({
      'alien.1.json': expect.stringContaining('signOff'),
      'empty.json': expect.stringContaining('is no history'),
      'torn.json': expect.stringContaining('is no history'),
    });
  });

  it('are missed where a folder is missing or has none, so that a test can’t pass by testing nothing', async () => {
    for (const missing of [join(root, 'nowhere'), root]) expect(await replayHistories({ folder: missing, pipelines: version(1) })).toEqual({ [missing]: expect.stringContaining('nothing was replayed') });
  });
});

describe('a run that continued as new', () => {
  it('is recorded an execution a file, and each replays', async () => {
    const chained = join(root, 'chained');
    const long = await env.start({ ...SPEC, version: '2' }, { id: 'long', script: SIGNED, rehearsal: { continueAsNewAfterMs: 60_000 } });
    await long.finished();
    const files = await recordHistory({ run: long, folder: chained });
    expect(files.length).toBeGreaterThan(1);
    expect(files[0]).toBe(join(chained, 'long.1.json'));
    expect(await replayHistories({ folder: chained, pipelines: version(1) })).toEqual({});
  });
});
