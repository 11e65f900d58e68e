import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Executor, SubmitStep } from '../../src/activities/jobs/executors/executor.js';
import { createExecutor } from '../../src/activities/jobs/executors/registry.js';
import { ExecutorKind, JobExit, JobHandle, JobObservation } from '../../src/domain/job.js';
import { LocalStore } from '../../src/engines/artifacts/local-store.js';
import { buildOnce, ended, FOREVER, makePlace, PACKAGE_ROOT, pidLives, requestFor, SAVE, startLines, submit, until } from './job-kit.js';
import type { Place } from './job-kit.js';

const STEPS = ['before_record', 'before_spawn', 'after_spawn', 'after_claim'] as const satisfies readonly SubmitStep[];

beforeAll(buildOnce, 90_000);

describe.each(ExecutorKind.options)('%s: executor contract', (kind) => {
  let place: Place;
  let executor: Executor;
  const handles: JobHandle[] = [];
  const start = async (...args: [Parameters<typeof submit>[1], Record<string, string>?]): Promise<JobHandle> => {
    const handle = await submit(executor, ...args);
    handles.push(handle);
    return handle;
  };

  beforeEach(() => {
    place = makePlace();
    executor = createExecutor(kind, place);
  });
  afterEach(async () => {
    for (const handle of handles.splice(0)) await executor.cancel(handle, { reason: 'orphaned', graceMs: 0 });
    place.remove();
  });

  describe('one program a key', () => {
    it('answers a second submission with the first job', async () => {
      const request = requestFor(FOREVER);
      const first = await start(request);
      expect(JobHandle.parse(first)).toEqual(first);
      expect(await submit(executor, request)).toEqual(first);
      await until('it starts', () => startLines(first).length === 1);
      expect(await executor.find({ ...identityOf(request) })).toEqual(first);
    });

    it('starts one program for submissions at the same time', async () => {
      const request = requestFor(FOREVER);
      const others = Array.from({ length: 4 }, () => createExecutor(kind, place));
      const all = await Promise.all([executor, ...others].map((one) => submit(one, request)));
      handles.push(all[0] as JobHandle);
      expect(new Set(all.map((handle) => handle.pid)).size).toBe(1);
      await until('it starts', () => startLines(all[0] as JobHandle).length > 0);
      await sleep(400);
      expect(startLines(all[0] as JobHandle)).toHaveLength(1);
    });

    it.each(STEPS)('starts one program when the submitter dies %s and another submits again', async (step) => {
      const request = requestFor(FOREVER);
      await dieAt(kind, step, place, request);
      const handle = await start(request);
      await until('it starts', () => startLines(handle).length > 0);
      await sleep(300);
      expect(startLines(handle)).toHaveLength(1);
      expect((await executor.observe(handle)).starts).toBe(1);
    });

    it('does not start an ended job again', async () => {
      const request = requestFor('');
      const handle = await start(request);
      await ended(executor, handle);
      expect(await submit(executor, request)).toEqual(handle);
      await sleep(200);
      expect(startLines(handle)).toHaveLength(1);
    });

    it('refuses another request under a known key, whether its job was claimed or only written down', async () => {
      const data = { kind: 'dataset', uri: 'store://local-dir/x', digest: `sha256:${'0'.repeat(64)}`, bytes: 1 };
      const request = requestFor(FOREVER);
      await dieAt(kind, 'before_spawn', place, request);
      const others: Partial<typeof request>[] = [{ run: 'another' }, { command: ['true'] }, { env: { A: 'b' } }, { env: { A: { secret: 'b' } } }, { params: { lr: 1 } }, { inputs: { data } }, { code: data }, { backend: 'nvidia' }, { outputs: { model: { kind: 'checkpoint' } } }];
      const refusal = { code: 'bad_request', message: expect.stringContaining(`another job is known under the key ${request.key}`) as unknown };
      for (const change of others) await expect(submit(executor, { ...request, ...change }, { A: 'x' }), JSON.stringify(change)).rejects.toMatchObject(refusal);
      const handle = await start(request);
      for (const change of others) await expect(submit(executor, { ...request, ...change }, { A: 'x' }), JSON.stringify(change)).rejects.toMatchObject(refusal);
      expect(await submit(executor, { ...request, graceMs: 1 })).toEqual(handle);
      await until('it starts', () => startLines(handle).length > 0);
      expect(startLines(handle)).toHaveLength(1);
    });

    it('neither finds nor stops the job of another run', async () => {
      const request = requestFor(FOREVER);
      const handle = await start(request);
      const forged = { ...identityOf(request), run: 'another' };
      const refusal = { code: 'bad_request', message: expect.stringContaining('belongs to the run demo') as unknown };
      await expect(executor.find(forged)).rejects.toMatchObject(refusal);
      await expect(executor.forestall(forged, { reason: 'cancelled' })).rejects.toMatchObject(refusal);
      expect(existsSync(join(handle.jobDir, 'stop.json'))).toBe(false);
    });

    it('finds nothing before the submission', async () => {
      expect(await executor.find(identityOf(requestFor('')))).toBeUndefined();
    });
  });

  describe('what a program is told', () => {
    it('has the variables of the contract, its parameters and its code', async () => {
      const store = new LocalStore(place.storeRoot);
      mkdirSync(join(place.root, 'code'));
      writeFileSync(join(place.root, 'code/train.js'), 'require("node:fs").writeFileSync(process.env.FERRY_OUTPUT_DIR + "/seen", JSON.stringify({ env: process.env, cwd: process.cwd() })); require("node:fs").appendFileSync("train.js", "//");');
      const code = await store.add(join(place.root, 'code'), { kind: 'code' });
      writeFileSync(join(place.root, 'data.txt'), 'words');
      const data = await store.adopt(join(place.root, 'data.txt'), { kind: 'dataset' });
      const request = requestFor('', {
        command: [process.execPath, 'train.js'],
        env: { PLAIN: 'yes', HF_TOKEN: { secret: 'hf' } },
        params: { lr: 0.1 },
        inputs: { 'train-data': data },
        code,
        graceMs: 30_000,
        outputs: { seen: { kind: 'evidence' } },
      });
      const handle = await start(request, { HF_TOKEN: 'hush' });
      const { exit } = await ended(executor, handle);
      const out = exit?.outputs['seen'];
      const { env, cwd } = JSON.parse(readFileSync(join(await store.open(out?.digest ?? ''), 'seen'), 'utf8')) as { env: Record<string, string>; cwd: string };
      expect(env).toMatchObject({
        FERRY_RUN_ID: 'demo',
        FERRY_RUN_UID: request.runUid,
        FERRY_STAGE: 'train',
        FERRY_ROUND: '1',
        FERRY_ATTEMPT: '1',
        FERRY_BACKEND: 'cpu',
        FERRY_JOB_KEY: request.key,
        FERRY_INPUT_TRAIN_DATA: await store.open(data),
        FERRY_GRACE_S: '30',
        PLAIN: 'yes',
        HF_TOKEN: 'hush',
      });
      expect(env).not.toHaveProperty('FERRY_RESUME_FROM');
      expect(env).not.toHaveProperty('FERRY_PORT');
      expect(JSON.parse(readFileSync(env['FERRY_PARAMS_FILE'] ?? '', 'utf8'))).toEqual({ lr: 0.1 });
      expect(cwd).toBe(join(handle.jobDir, 'work'));
      expect(await store.verify(code.digest), 'the stored code is untouched by a job that writes to its own').toEqual([]);
    });

    it('leaves a secret in no file of the job', async () => {
      const handle = await start(requestFor('', { env: { HF_TOKEN: { secret: 'hf' } } }), { HF_TOKEN: 'hush-hush' });
      await ended(executor, handle);
      await expect(execFileText('grep', ['-r', 'hush-hush', place.root])).rejects.toMatchObject({ code: 1 });
    });

    it('refuses to start without a value for a secret', async () => {
      await expect(submit(executor, requestFor('', { env: { HF_TOKEN: { secret: 'hf' } } }))).rejects.toMatchObject({ code: 'bad_request' });
    });

    it('refuses to start without an input, and says which is missing', async () => {
      const digest = `sha256:${'0'.repeat(64)}`;
      const request = requestFor('', { inputs: { data: { kind: 'dataset', uri: `store://local-dir/${digest}`, digest, bytes: 1 } } });
      await expect(submit(executor, request)).rejects.toMatchObject({ code: 'artifact_missing' });
    });
  });

  describe('how it ended', () => {
    it.each([75, 78, 3])('passes the exit code %i through', async (code) => {
      const seen = await ended(executor, await start(requestFor(`process.exit(${code})`)));
      expect(seen).toMatchObject({ state: 'exited', exit: { exitCode: code, signal: null, outputs: {} } });
      expect(seen.exit).not.toHaveProperty('problem');
    });

    it('tells the signal that ended the program', async () => {
      expect(await ended(executor, await start(requestFor('process.kill(process.pid, "SIGSEGV")' + FOREVER)))).toMatchObject({ exit: { exitCode: null, signal: 'SIGSEGV' } });
    });

    it('says that a command could not be started', async () => {
      const seen = await ended(executor, await start(requestFor('', { command: ['no-such-program-here'] })));
      expect(seen).toMatchObject({ state: 'exited', starts: 0, exit: { exitCode: null, problem: { kind: 'spawn_failed', message: expect.stringContaining('there is no program no-such-program-here') } } });
    });

    it('counts exit 0 without a declared output as a failure, and names the output', async () => {
      const seen = await ended(executor, await start(requestFor('', { outputs: { model: { kind: 'checkpoint' }, notes: { kind: 'evidence', optional: true } } })));
      expect(seen.exit).toMatchObject({ exitCode: 0, outputs: {}, problem: { kind: 'missing_output', message: expect.stringContaining('out/model') as unknown } });
      expect(seen.exit?.problem?.message).not.toContain('notes');
    });

    it('takes outputs into the store by rename, read-only, under the digest of their content', async () => {
      const script = `${SAVE} const d = process.env.FERRY_OUTPUT_DIR + '/model'; fs.mkdirSync(d); fs.writeFileSync(d + '/w.bin', 'weights'); fs.writeFileSync(process.env.FERRY_OUTPUT_DIR + '/inode', String(fs.statSync(d + '/w.bin').ino));`;
      const handle = await start(requestFor(script, { outputs: { model: { kind: 'checkpoint' } } }));
      const { exit } = await ended(executor, handle);
      expect(JobExit.parse(exit)).toEqual(exit);
      const ref = exit?.outputs['model'];
      const store = new LocalStore(place.storeRoot);
      const file = join(await store.open(ref?.digest ?? ''), 'w.bin');
      expect(ref).toMatchObject({ kind: 'checkpoint', bytes: 7, uri: `store://local-dir/${ref?.digest}` });
      expect(statSync(file).mode & 0o777).toBe(0o444);
      expect(String(statSync(file).ino)).toBe(readFileSync(join(handle.jobDir, 'out/inode'), 'utf8'));
      expect(existsSync(join(handle.jobDir, 'out/model'))).toBe(false);
      expect(await store.verify(ref?.digest ?? '')).toEqual([]);
    });

    it('says lost after its wrapper was killed, and keeps saying so', async () => {
      const handle = await start(requestFor(FOREVER));
      await until('it runs', () => startLines(handle).length === 1);
      process.kill(handle.pid, 'SIGKILL');
      const memory = {};
      await until('it is lost', async () => (await executor.observe(handle, memory)).state === 'lost');
      await executor.cancel(handle, { reason: 'cancelled', graceMs: 0 });
      expect(await executor.observe(handle, memory)).toMatchObject({ state: 'lost', observation: 'ok', starts: 1 });
      expect(await executor.observe(handle)).toMatchObject({ state: 'lost' });
      expect(pidLives(programPid(handle))).toBe(false);
    });

    it('keeps its end, whatever comes after', async () => {
      const handle = await start(requestFor('process.exit(3)'));
      const seen = await ended(executor, handle);
      await executor.cancel(handle, { reason: 'cancelled', graceMs: 0 });
      expect(await executor.observe(handle)).toEqual(seen);
      expect(JobObservation.parse(seen)).toEqual(seen);
    });

    it('is unknown, not lost, while its directory cannot be seen', async () => {
      const handle = await start(requestFor(FOREVER));
      const memory = {};
      await until('it runs', async () => (await executor.observe(handle, memory)).state === 'running');
      const away = { ...handle, jobDir: `${handle.jobDir}-away` };
      expect(await executor.observe(away)).toMatchObject({ observation: 'unknown' });
    });
  });

  describe('stopping', () => {
    it('gives the program its grace to save, and keeps the last checkpoint', async () => {
      const script = `${SAVE} say({ step: 1 }); process.once('SIGTERM', () => { save(7); process.exit(75); });${FOREVER}`;
      const handle = await start(requestFor(script));
      await until('it runs', async () => (await executor.observe(handle)).progress?.step === 1);
      await executor.cancel(handle, { reason: 'suspended', graceMs: 10_000 });
      const seen = await executor.observe(handle);
      expect(seen).toMatchObject({ state: 'exited', exit: { exitCode: 75, stopReason: 'suspended' }, checkpoint: { step: 7 } });
      expect(existsSync(join(seen.checkpoint?.path ?? '', 'a.bin'))).toBe(true);
      await executor.cancel(handle, { reason: 'cancelled', graceMs: 10_000 });
      expect(await executor.observe(handle)).toEqual(seen);
    });

    it('kills what ignores SIGTERM once the grace is over, grandchildren and daemons too', async () => {
      const deaf = `process.on('SIGTERM', () => {});`;
      const child = (detached: boolean) => `cp.spawn(process.execPath, ['-e', ${JSON.stringify(`${deaf}require('node:fs').appendFileSync(process.env.FERRY_OUTPUT_DIR + '/pids', process.pid + '\\n');${FOREVER}`)}], { detached: ${detached}, stdio: 'ignore' });`;
      const handle = await start(requestFor(`${deaf} const cp = require('node:child_process'); ${child(false)} ${child(true)} ${FOREVER}`));
      const pids = await until('all run', () => {
        const file = join(handle.jobDir, 'out/pids');
        const found = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : [];
        return found.length === 2 && found;
      });
      const before = Date.now();
      await executor.cancel(handle, { reason: 'cancelled', graceMs: 600 });
      expect(Date.now() - before).toBeGreaterThanOrEqual(600);
      for (const pid of [...pids, programPid(handle), handle.pid]) expect(pidLives(pid)).toBe(false);
      expect(await executor.observe(handle)).toMatchObject({ state: 'exited', exit: { signal: 'SIGKILL', stopReason: 'cancelled' } });
    });

    it('stops a job whose wrapper hangs', async () => {
      const handle = await start(requestFor(`process.once('SIGTERM', () => process.exit(75));${FOREVER}`));
      await until('it runs', () => startLines(handle).length === 1);
      process.kill(handle.pid, 'SIGSTOP');
      await executor.cancel(handle, { reason: 'cancelled', graceMs: 2_500 });
      expect(pidLives(programPid(handle))).toBe(false);
      expect(await executor.observe(handle)).toMatchObject({ state: 'exited', exit: { exitCode: 75 } });
    });

    it('leaves nothing of a program that ends before its children', async () => {
      const handle = await start(requestFor(`const child = require('node:child_process').spawn('sleep', ['300'], { detached: true, stdio: 'ignore' }); child.unref(); require('node:fs').writeFileSync(process.env.FERRY_OUTPUT_DIR + '/child', String(child.pid));`));
      await ended(executor, handle);
      expect(readFileSync(join(handle.jobDir, 'out/child'), 'utf8')).toMatch(/^\d+$/);
      expect(pidLives(Number(readFileSync(join(handle.jobDir, 'out/child'), 'utf8')))).toBe(false);
    });

    it('writes down a SIGTERM that came from elsewhere and still saves', async () => {
      const handle = await start(requestFor(`${SAVE} process.once('SIGTERM', () => { save(3); process.exit(75); }); say({ step: 1 });${FOREVER}`));
      await until('it runs', async () => (await executor.observe(handle)).progress?.step === 1);
      process.kill(handle.pid, 'SIGTERM');
      const seen = await ended(executor, handle);
      expect(seen).toMatchObject({ state: 'exited', exit: { exitCode: 75 }, checkpoint: { step: 3 } });
      expect(seen.exit).not.toHaveProperty('stopReason');
    });
  });

  describe('fencing and resuming', () => {
    const train = `${SAVE} save(100); save(200);`;
    const shows = `require('node:fs').writeFileSync(process.env.FERRY_OUTPUT_DIR + '/from', process.env.FERRY_RESUME_FROM ?? '');`;

    it('resumes from the newest checkpoint of the attempt before', async () => {
      const first = requestFor(`${train} process.exit(75)`);
      await ended(executor, await start(first));
      const handle = await start(requestFor(shows, { runUid: first.runUid, attempt: 2 }));
      const seen = await ended(executor, handle);
      expect(seen.resumedFrom).toEqual({ step: 200, attempt: 1 });
      const from = readFileSync(join(handle.jobDir, 'out/from'), 'utf8');
      expect(readFileSync(join(from, 'a.bin'), 'utf8')).toBe('weights 200');
    });

    it('passes over a damaged checkpoint, names its file, and takes the one before, in every later attempt too', async () => {
      const first = requestFor(`${train} process.exit(75)`);
      const { checkpoint } = await ended(executor, await start(first));
      writeFileSync(join(checkpoint?.path ?? '', 'b.bin'), 'mork weights 200');
      const second = await ended(executor, await start(requestFor('process.exit(75)', { runUid: first.runUid, attempt: 2 })));
      expect(second.resumedFrom).toEqual({ step: 100, attempt: 1 });
      expect(second.passedOver).toEqual([expect.stringMatching(/step 200 of attempt 1: b\.bin: content changed/)]);
      const third = await ended(executor, await start(requestFor('', { runUid: first.runUid, attempt: 3 })));
      expect(third.resumedFrom).toEqual({ step: 100, attempt: 1 });
    });

    it('resumes only from a format that the attempt loads', async () => {
      const first = requestFor(`${SAVE} save(1, 'x', { format: 'hf' }); save(2, 'y', { format: 'megatron' }); process.exit(75)`);
      await ended(executor, await start(first));
      const seen = await ended(executor, await start(requestFor('', { runUid: first.runUid, attempt: 2, loadsFormats: ['hf'] })));
      expect(seen.resumedFrom).toEqual({ step: 1, attempt: 1 });
      expect(seen.passedOver?.[0]).toContain('megatron');
    });

    it('takes no checkpoint of an earlier round', async () => {
      const first = requestFor(`${train} process.exit(75)`);
      await ended(executor, await start(first));
      const seen = await ended(executor, await start(requestFor('', { runUid: first.runUid, round: 2 })));
      expect(seen).not.toHaveProperty('resumedFrom');
    });

    it('lets a replaced attempt publish nothing, and stops it', async () => {
      const script = `${SAVE} save(1); process.on('SIGTERM', () => save(999));${FOREVER}`;
      const first = requestFor(script, { graceMs: 600, outputs: {} });
      const old = await start(first);
      await until('it saved', async () => (await executor.observe(old)).checkpoint?.step === 1);
      const next = await start(requestFor('setTimeout(() => {}, 300)', { runUid: first.runUid, attempt: 2 }));
      const seen = await ended(executor, old);
      expect(seen).toMatchObject({ exit: { stopReason: 'fenced' }, checkpoint: { step: 1 } });
      await ended(executor, next);
      const third = await ended(executor, await start(requestFor('', { runUid: first.runUid, attempt: 3 })));
      expect(third.resumedFrom).toEqual({ step: 1, attempt: 1 });
    });

    it('does not start an attempt older than the newest', async () => {
      const second = requestFor('', { attempt: 2 });
      await ended(executor, await start(second));
      const seen = await ended(executor, await start(requestFor('', { runUid: second.runUid })));
      expect(seen).toMatchObject({ state: 'exited', starts: 0, exit: { problem: { kind: 'fenced' } } });
    });

    it('keeps only as many checkpoints as were asked for', async () => {
      const script = `${SAVE} let n = 0; const t = setInterval(() => { save(++n); if (n === 5) { clearInterval(t); } }, 300);`;
      const request = requestFor(script, { keepCheckpoints: 2 });
      const handle = await start(request);
      const seen = await ended(executor, handle);
      expect(seen.checkpoint?.step).toBe(5);
      const names = (await execFileText('ls', ['-A', join(handle.jobDir, '../checkpoints')])).trim().split('\n');
      expect(names).toEqual(['r1.a1-4', 'r1.a1-5']);
    });

    it('refuses a checkpoint from outside its directory, and says so', async () => {
      const seen = await ended(executor, await start(requestFor(`${SAVE} say({ checkpoint: { step: 1, path: '/etc' } });`)));
      expect(seen).not.toHaveProperty('checkpoint');
      expect(seen.detail).toContain('outside FERRY_CHECKPOINT_DIR');
    });
  });
});

function identityOf({ key, run, runUid, stage, round, attempt }: ReturnType<typeof requestFor>) {
  return { key, run, runUid, stage, round, attempt };
}

const programPid = (handle: JobHandle): number => (JSON.parse(startLines(handle)[0] ?? '{}') as { pid: number }).pid;

function execFileText(command: string, args: string[]): Promise<string> {
  return new Promise((resolve, reject) => execFile(command, args, (error, stdout) => (error ? reject(error) : resolve(stdout))));
}

/** A submitter in a process of its own that kills itself, as a crash or the OOM killer would. */
async function dieAt(kind: ExecutorKind, step: SubmitStep, place: Place, request: ReturnType<typeof requestFor>): Promise<void> {
  const module = join(PACKAGE_ROOT, 'dist/activities/jobs/executors/registry.js');
  const { root: _root, remove: _remove, ...deps } = place;
  const script = `
    const { createExecutor } = await import(${JSON.stringify(module)});
    const deps = ${JSON.stringify(deps)}, request = ${JSON.stringify(request)};
    const executor = createExecutor(${JSON.stringify(kind)}, { ...deps, onStep: (now) => { if (now === ${JSON.stringify(step)}) process.kill(process.pid, 'SIGKILL'); } });
    await executor.submit(executor.render(request), request, {});`;
  await expect(execFileText(process.execPath, ['--input-type=module', '-e', script])).rejects.toMatchObject({ signal: 'SIGKILL' });
}
