import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunState } from '../../src/domain/run-state.js';
import type { RunSpecInput } from '../../src/domain/spec.js';
import { statusOf } from '../../src/domain/status.js';
import { attributesOf } from '../../src/domain/views.js';
import { pidExists } from '../../src/client/home.js';
import { suspendLocalJobs } from '../../src/engines/jobs/suspend.js';
import { runningUnder } from '../support/running-under.js';
import { SERVE, makes, shellJob, startStack, startsByKey, until, verdict, type Stack, type WorkerProcess } from '../support/stack.js';

let stack: Stack;
let worker: WorkerProcess;
beforeAll(async () => {
  stack = await startStack();
  worker = await stack.startWorker();
}, 180_000);
afterAll(async () => {
  await worker?.drain();
  await stack?.stop();
});

const FAST = { backoff: '100 ms', failures: 2 };
const base = { schema: 'modelferry.run/1', model: 'tiny', version: '1' } as const;

/** Asks both servers who they are and writes that down as its output. */
const ASK = `
  mkdir -p "$FERRY_OUTPUT_DIR/validation"
  node -e 'Promise.all([process.env.FERRY_URL_REFERENCE, process.env.FERRY_URL_CANDIDATE].map((url) => fetch(url).then((a) => a.text()))).then((said) => console.log(said.join(" ")))' > "$FERRY_OUTPUT_DIR/validation/said"
  echo "$FERRY_BACKEND_CANDIDATE" >> "$FERRY_OUTPUT_DIR/validation/said"
  [ "$(cat "$FERRY_OUTPUT_DIR/validation/said")" = "nvidia ascend
ascend (simulated)" ] || { cat "$FERRY_OUTPUT_DIR/validation/said"; exit 1; }`;

const servers = (candidate: string): object => ({
  reference: shellJob(SERVE, { backend: 'nvidia', simulated: true }),
  candidate: shellJob(candidate, { backend: 'ascend', simulated: true, readyWithin: '20 seconds' }),
});

const validating = (job: string, candidate = SERVE): RunSpecInput =>
  ({ ...base, stages: { convert: { job: shellJob(makes('model'), FAST) }, validateOnAscend: { job: shellJob(job, FAST), servers: servers(candidate) } }, inputs: {} }) as RunSpecInput;

/** The spec needs a checkpoint for convert: one trivial stage before it makes one. */
const withCheckpoint = (spec: RunSpecInput): RunSpecInput & { stages: object } => ({ ...spec, stages: { train: { attempts: [shellJob(makes('checkpoint'), FAST)] }, ...spec.stages } });

const ofValidation = (state: RunState): [string, number, string, number | undefined][] => state.jobs.filter((job) => job.stage === 'validateOnAscend').map((job) => [job.server ?? 'job', job.attempt, job.state, job.starts]);

const wrappers = (state: RunState): number[] => state.jobs.flatMap((job) => (job.handle === undefined ? [] : [job.handle.pid]));

const starts = async (uid: string): Promise<Record<string, number>> => Object.fromEntries(Object.entries(await startsByKey(stack.records)).filter(([key]) => key.startsWith(uid)).map(([key, count]) => [key.slice(uid.length + 1), count]));

describe('the servers of a stage', () => {
  it('are up before its job begins and gone when it has ended, each started once', async () => {
    const run = await stack.startRun('served', withCheckpoint(validating(`${ASK}; ${verdict('pass', 'the same')}`)));
    const { state } = (await run.result()) as { state: RunState };
    expect(ofValidation(state)).toEqual([['job', 1, 'done', 1], ['reference', 1, 'done', 1], ['candidate', 1, 'done', 1]]);
    expect(state.stages['validateOnAscend']).toMatchObject({ state: 'done', attempts: 1, figures: { verdict: 'pass' } });
    expect(state.notes).toEqual([]);
    expect(wrappers(state).filter(pidExists)).toEqual([]);
    expect(await starts(run.runUid)).toEqual({ 'train.r1.a1': 1, 'convert.r1.a1': 1, 'validateOnAscend.r1.a1': 1, 'validateOnAscend.r1.a1.reference': 1, 'validateOnAscend.r1.a1.candidate': 1 });
    expect(attributesOf(state)).toMatchObject({ FerryBackend: 'ascend (simulated)', FerryVerdict: 'pass' });
    expect(statusOf(state, { heartbeats: [], terminated: false, ui: null }).jobs.map(({ server }) => server)).toEqual([null, null, null, 'reference', 'candidate']);
  });

  it('have the same outcome and starts when the run continues as new at every wait', async () => {
    const run = await stack.startRun('served-anew', withCheckpoint(validating(`${ASK}; ${verdict('pass', 'the same')}`)), { rehearsal: { continueAsNewAfterMs: 0 } });
    const { state } = (await stack.client.workflow.getHandle('served-anew').result()) as { state: RunState };
    expect(ofValidation(state)).toEqual([['job', 1, 'done', 1], ['reference', 1, 'done', 1], ['candidate', 1, 'done', 1]]);
    expect(Object.values(await starts(run.runUid))).toEqual([1, 1, 1, 1, 1]);
    expect(wrappers(state).filter(pidExists)).toEqual([]);
  });

  it('make the attempt a failure when one ends before it is ready; the next attempt has servers of its own', async () => {
    const shaky = `[ "$FERRY_ATTEMPT" -gt 1 ] || { echo 'KeyError: lm_head.weight' >&2; exit 3; }; ${SERVE}`;
    const run = await stack.startRun('shaky', withCheckpoint(validating(`${ASK}; ${verdict('pass', 'the same')}`, shaky)));
    const { state } = (await run.result()) as { state: RunState };
    expect(ofValidation(state).map(([name, attempt, ended]) => `${name} ${attempt} ${ended}`)).toEqual(['job 1 failed', 'reference 1 cancelled', 'candidate 1 failed', 'job 2 done', 'reference 2 done', 'candidate 2 done']);
    expect(state.jobs.find((job) => job.stage === 'validateOnAscend' && job.server === undefined)?.reason).toContain('the server candidate exited with code 3 before it was ready: KeyError: lm_head.weight; 1 of 2 failures');
    expect(await starts(run.runUid)).not.toHaveProperty(['validateOnAscend.r1.a1']);
    expect(wrappers(state).filter(pidExists)).toEqual([]);
  });

  it('that ends with 0 before it is ready has not become ready, and 78 asks a person at once, with nothing left running', async () => {
    const idle = await stack.startRun('idle', withCheckpoint(validating(ASK, 'exit 0')));
    const waiting = await until(idle, (s) => s.gates['repair.validateOnAscend'] !== undefined);
    expect(waiting.failure?.message).toContain('the server candidate exited with code 0 before it was ready');
    expect(wrappers(waiting).filter(pidExists)).toEqual([]);
    await idle.terminate();

    const wrong = await stack.startRun('wrong', withCheckpoint(validating(ASK, 'echo no such model; exit 78')));
    const asked = await until(wrong, (s) => s.gates['repair.validateOnAscend'] !== undefined);
    expect(asked.stages['validateOnAscend']?.attempts).toBe(1);
    expect(asked.failure?.message).toContain('exited with code 78 before it was ready: no such model');
    expect(wrappers(asked).filter(pidExists)).toEqual([]);
    await wrong.terminate();
  });

  it('that ends while the job needs it ends the attempt at once, whatever the job says; the next one measures anew', async () => {
    // Gone a moment after it was ready, on the first attempt.
    const leaving = SERVE.replace('process.on("SIGTERM"', 'if (process.env.FERRY_ATTEMPT === "1") setTimeout(() => { console.error("device lost"); process.exit(9); }, 1500); process.on("SIGTERM"');
    const job = `[ "$FERRY_ATTEMPT" -gt 1 ] || sleep 600; ${ASK}; ${verdict('pass', 'the same')}`;
    const run = await stack.startRun('leaving', withCheckpoint(validating(job, leaving)));
    const { state } = (await run.result()) as { state: RunState };
    expect(ofValidation(state).map(([name, attempt, ended]) => `${name} ${attempt} ${ended}`)).toEqual(['job 1 failed', 'reference 1 done', 'candidate 1 failed', 'job 2 done', 'reference 2 done', 'candidate 2 done']);
    expect(state.jobs.find((one) => one.stage === 'validateOnAscend' && one.server === undefined)?.reason).toContain('the server candidate exited with code 9 while the job needed it: device lost; 1 of 2 failures');
    expect(wrappers(state).filter(pidExists)).toEqual([]);
  });

  it.each([['kept', undefined], ['continued', { rehearsal: { continueAsNewAfterMs: 0 } }]])('are gone while a person is asked about a job that could not be submitted, and a retry has new ones (%s)', async (name, extra) => {
    const spec = withCheckpoint(validating(`${ASK}; ${verdict('pass', 'the same')}`));
    Object.assign((spec.stages['validateOnAscend'] as { job: { env: object } }).job.env, { TOKEN: { secret: 'nobody-has-it' } });
    const run = await stack.startRun(`unsubmitted-${name}`, spec, extra);
    const latest = stack.client.workflow.getHandle(`unsubmitted-${name}`);
    const asked = await until(latest, (s) => s.gates['repair.validateOnAscend'] !== undefined && s.jobs.every((job) => job.server === undefined || job.state !== 'running'), 120_000);
    expect(asked.failure).toMatchObject({ kind: 'unknown_secret' });
    expect(wrappers(asked).filter(pidExists)).toEqual([]);
    expect(ofValidation(asked).map(([server, attempt, ended]) => `${server} ${attempt} ${ended}`)).toEqual(['job 1 placed', 'reference 1 done', 'candidate 1 done']);
    await latest.executeUpdate('decide', { args: [{ gate: 'repair.validateOnAscend', verdict: 'retry', approver: 'alice', reason: 'again' }] });
    const again = await until(latest, (s) => (s.gates['repair.validateOnAscend']?.opening ?? 0) > 1 && s.jobs.every((job) => job.server === undefined || job.state !== 'running'), 120_000);
    // The reason is still the reason, and nothing was charged to the attempt.
    expect(again.failure).toMatchObject({ kind: 'unknown_secret' });
    expect(again.jobs.find((job) => job.stage === 'validateOnAscend')).toMatchObject({ state: 'cancelled', reason: 'its servers were ended while it waited for a person' });
    expect(again.stages['validateOnAscend']).toMatchObject({ attempts: 2, ladder: { failures: 0 } });
    expect(wrappers(again).filter(pidExists)).toEqual([]);
    expect(Object.keys(await starts(run.runUid)).filter((key) => /validateOnAscend\.r1\.a\d$/.test(key))).toEqual([]);
    await latest.terminate();
  });

  it('put to sleep with their job cost it nothing, and the next attempt has new ones', async () => {
    const run = await stack.startRun('slept', withCheckpoint(validating(`[ "$FERRY_ATTEMPT" -gt 1 ] || sleep 600; ${ASK}; ${verdict('pass', 'the same')}`)));
    await until(run, (s) => s.jobs.some((job) => job.stage === 'validateOnAscend' && job.server === undefined && job.handle !== undefined));
    await suspendLocalJobs({ jobsRoot: join(stack.home, 'jobs') });
    const { state } = (await run.result()) as { state: RunState };
    expect(ofValidation(state).map(([name, attempt]) => `${name} ${attempt}`)).toEqual(['job 1', 'reference 1', 'candidate 1', 'job 2', 'reference 2', 'candidate 2']);
    expect(state.jobs.find((job) => job.stage === 'validateOnAscend')).toMatchObject({ state: 'suspended' });
    expect(state.stages['validateOnAscend']).toMatchObject({ state: 'done', ladder: { failures: 0, again: 0 } });
    expect(wrappers(state).filter(pidExists)).toEqual([]);
  });

  it('that is not ready in time makes the attempt a failure that names its deadline', async () => {
    const spec = withCheckpoint(validating(ASK, 'sleep 600'));
    Object.assign((spec.stages['validateOnAscend'] as { servers: { candidate: object }; job: object }).servers.candidate, { readyWithin: '2 seconds' });
    Object.assign((spec.stages['validateOnAscend'] as { job: object }).job, { failures: 1 });
    const run = await stack.startRun('late', spec);
    const waiting = await until(run, (s) => s.gates['repair.validateOnAscend'] !== undefined);
    expect(waiting.failure?.message).toMatch(/the server candidate was not ready by 20\d\d-.*: give it longer with readyWithin/);
    expect(wrappers(waiting).filter(pidExists)).toEqual([]);
    await run.terminate();
  });

  it('are the same ones after the worker was killed, and a run that is cancelled leaves none', async () => {
    const run = await stack.startRun('killed', withCheckpoint(validating('sleep 600')));
    await until(run, (s) => s.jobs.some((job) => job.stage === 'validateOnAscend' && job.server === undefined && job.handle !== undefined));
    await worker.kill9();
    expect(runningUnder(join(stack.home, 'jobs', run.runUid)).length).toBeGreaterThanOrEqual(6);
    worker = await stack.startWorker();
    await run.cancel();
    await expect(run.result()).rejects.toThrow();
    // Not by their pids: their first worker is dead, and nobody may have reaped them.
    expect(runningUnder(join(stack.home, 'jobs', run.runUid))).toEqual([]);
    expect(Object.values(await starts(run.runUid))).toEqual([1, 1, 1, 1, 1]);
  });
});

describe('a verdict', () => {
  it.each([
    ['fail', 'agreement 0.41, at least 0.98 wanted', 'fail'],
    ['inconclusive', 'only 12 positions', 'inconclusive'],
    ['passed', 'misspelt', 'inconclusive'],
  ])('of %s comes to a person with its reasons, and to nobody else', async (value, reason, meant) => {
    const run = await stack.startRun(`verdict-${value}`, withCheckpoint(validating(`${ASK}; ${verdict(value, reason)}`)));
    const waiting = await until(run, (s) => s.gates['repair.validateOnAscend'] !== undefined);
    expect(waiting.failure).toMatchObject({ kind: 'validation_accuracy', nextAction: 'ask_human', message: expect.stringMatching(new RegExp(`^validateOnAscend: ${meant}: .*${reason}`)) });
    expect(waiting.stages['validateOnAscend']).toMatchObject({ state: 'waiting', attempts: 1, outputs: {} });
    expect(waiting.notes.map(({ text }) => text).join()).toMatch(/its validation is kept: ferry artifact show sha256:/);
    expect(attributesOf(waiting)).toMatchObject({ FerryVerdict: meant });
    expect(wrappers(waiting).filter(pidExists)).toEqual([]);
    // Asked to try again, it measures anew, with servers of its own.
    await run.executeUpdate('decide', { args: [{ gate: 'repair.validateOnAscend', verdict: 'retry', approver: 'alice', reason: 'again' }] });
    const again = await until(run, (s) => (s.gates['repair.validateOnAscend']?.opening ?? 0) > 1);
    expect(ofValidation(again).map(([server, attempt]) => `${server} ${attempt}`)).toEqual(['job 1', 'reference 1', 'candidate 1', 'job 2', 'reference 2', 'candidate 2']);
    await run.terminate();
  });

  it('is none of a job that failed, and no metric passes for one', async () => {
    const failed = await stack.startRun('failed-pass', withCheckpoint(validating(`${verdict('pass', 'so it says')}; exit 78`)));
    const waiting = await until(failed, (s) => s.gates['repair.validateOnAscend'] !== undefined);
    expect(waiting.failure).toMatchObject({ kind: 'user_error' });
    expect(attributesOf(waiting).FerryVerdict).toBeUndefined();
    await failed.terminate();

    const job = `echo '{"metrics":{"verdict":1,"agreement":0.5}}' >> "$FERRY_PROGRESS_FILE"; ${ASK}; ${verdict('pass', 'the same')}`;
    const { state } = (await (await stack.startRun('metric', withCheckpoint(validating(job)))).result()) as { state: RunState };
    expect(state.stages['validateOnAscend']?.figures).toEqual({ verdict: 'pass', agreement: 0.5 });
  });
});
