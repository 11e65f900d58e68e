import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Check } from '../../src/cli/check.js';
import { makeCurrent } from '../../src/client/make-current.js';
import { startRun } from '../../src/client/start.js';
import type { Versioning } from '../../src/domain/deployment.js';
import type { RunSpecInput } from '../../src/domain/spec.js';
import { bundleWithGate } from '../support/altered-bundle.js';
import { ROOT } from '../support/sources.js';
import { TEST_SITE, makes, shellJob, startStack, startsByKey, until, type Stack, type WorkerProcess } from '../support/stack.js';

const FERRY = join(ROOT, 'bin/ferry.js');
const DEPLOYMENT = 'modelferry';

/** What a new gate does before it waits: it asks the site once more, so that commands come in another order. */
const QUESTION = 'await readSite();';
const WAIT = 'await ctx.waitUntil(`gate:';
const imports = "import { patched } from '@temporalio/workflow';\nimport { readSite } from './activity-options.js';\n";
const withPatch = (gate: string): string => imports + gate.replace(WAIT, `if (patched('gate-asks-the-site-again')) ${QUESTION}\n    ${WAIT}`);
const withoutPatch = (gate: string): string => imports + gate.replace(WAIT, `${QUESTION}\n    ${WAIT}`);

const RELEASE: Pick<RunSpecInput, 'stages'> = {
  stages: { prepareData: { job: shellJob(makes('dataset')) }, train: { attempts: [shellJob(makes('checkpoint'))] }, convert: { job: shellJob(makes('model')) }, approve: {}, publish: {}, rollOut: { job: shellJob(makes('rollout')) } },
};
const JOBS = ['prepareData', 'train', 'convert', 'rollOut'];

let stack: Stack;
let patchedBundle: string;
let unpatchedBundle: string;
let siteFile: string;
beforeAll(async () => {
  stack = await startStack();
  patchedBundle = await bundleWithGate(join(stack.home, 'patched'), withPatch);
  unpatchedBundle = await bundleWithGate(join(stack.home, 'unpatched'), withoutPatch);
  siteFile = join(stack.home, 'site.json');
  await writeFile(siteFile, JSON.stringify({ ...TEST_SITE, executors: { local: { kind: 'local', env: { RECORDS: stack.records } } } }));
}, 180_000);
const commands = new Set<ChildProcess>();
afterEach(() => {
  for (const child of commands) child.kill('SIGKILL');
});
afterAll(async () => {
  await stack?.stop();
});

const environment = (): NodeJS.ProcessEnv => ({ ...process.env, TEMPORAL_ADDRESS: stack.server.address, FERRY_HOME: stack.home, FERRY_SITE: siteFile, FERRY_USER: 'demo-manager' });

/** A command with `--json`, to its end. */
async function ferry<T>(...args: string[]): Promise<{ code: number; json: T }> {
  return await new Promise((done, fail) => {
    execFile(process.execPath, [FERRY, ...args, '--json'], { env: environment() }, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code);
      if (Number.isNaN(code) || stdout === '') fail(new Error(`ferry ${args.join(' ')}: ${stderr}`));
      else done({ code, json: JSON.parse(stdout) as T });
    });
  });
}

/** `ferry worker` itself, up to its ready line. */
async function ferryWorker(...flags: string[]): Promise<{ ready: Record<string, unknown>; stop: () => Promise<number> }> {
  const child = spawn(process.execPath, [FERRY, 'worker', '--json', ...flags], { env: environment(), stdio: ['ignore', 'pipe', 'ignore'] });
  commands.add(child);
  const exit = once(child, 'exit') as Promise<[number]>;
  const first = await Promise.race([once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>, exit]);
  if (typeof first[0] !== 'string') throw new Error(`ferry worker ended with ${first[0]}`);
  return {
    ready: JSON.parse(first[0]) as Record<string, unknown>,
    stop: async () => {
      child.kill('SIGTERM');
      return (await exit)[0];
    },
  };
}

/** A worker of a later build, which is current when this resolves. */
async function nextBuild(buildId: string, bundlePath?: string, versioning: Versioning = 'auto-upgrade'): Promise<WorkerProcess> {
  const worker = await stack.startWorker({ deployment: { name: DEPLOYMENT, buildId, versioning }, bundlePath });
  await current(buildId);
  return worker;
}
async function current(buildId: string): Promise<void> {
  const made = await makeCurrent({ client: stack.client, version: { name: DEPLOYMENT, buildId }, when: 'always', signal: new AbortController().signal });
  expect(['made', 'already']).toContain(made);
}

type Run = WorkflowHandle & { runUid: string };

/** As `ferry start` does, search attributes included: doctor finds runs by them. */
async function start(id: string, { stages }: Pick<RunSpecInput, 'stages'> = RELEASE): Promise<Run> {
  const { runUid } = await startRun({ client: stack.client, id, requestedBy: 'alice', spec: { schema: 'modelferry.run/1', model: 'tiny', version: id, stages } });
  return Object.assign(stack.client.workflow.getHandle(id), { runUid });
}

const atGate = async (run: WorkflowHandle): Promise<unknown> => await until(run, ({ gates }) => gates['approve'] !== undefined && gates['approve'].outcome === undefined);

async function versionsCheck(): Promise<Check> {
  const { json } = await ferry<{ checks: Check[] }>('doctor');
  const check = json.checks.find(({ name }) => name === 'versions');
  if (check === undefined) throw new Error('doctor has no check of versions');
  return check;
}

/** Visibility follows a moment later than the run. */
const eventually = async (holds: (check: Check) => boolean): Promise<Check> => {
  for (let tries = 0; ; tries++) {
    const check = await versionsCheck();
    if (holds(check) || tries === 20) return check;
  }
};

async function expectReleasedOnce(run: Run, version: string): Promise<void> {
  expect(await run.result()).toMatchObject({ state: { status: 'completed' } });
  const { json } = await ferry<{ version: string }[]>('release', 'list');
  expect(json.filter((release) => release.version === version)).toHaveLength(1);
  const starts = Object.entries(await startsByKey(stack.records)).filter(([key]) => key.startsWith(`${run.runUid}.`));
  expect(Object.fromEntries(starts)).toEqual(Object.fromEntries(JOBS.map((stage) => [`${run.runUid}.${stage}.r1.a1`, 1])));
}

const eventsOf = async (run: WorkflowHandle): Promise<string[]> => ((await run.fetchHistory()).events ?? []).map((event) => JSON.stringify(event));

describe('an upgrade while a run is parked at its approval', () => {
  it('goes on with the new build under patched(): doctor names the run in between, it is released, and no job is started twice', async () => {
    const first = await ferryWorker('--deployment', DEPLOYMENT, '--build-id', '1', '--make-current');
    expect(first.ready).toMatchObject({ ready: true, deployment: { name: DEPLOYMENT, buildId: '1' } });
    const run = await start('parked');
    await atGate(run);
    expect(await first.stop()).toBe(0);

    const second = await nextBuild('2', patchedBundle);
    const check = await eventually(({ versions }) => versions?.others.some(({ autoUpgrade }) => autoUpgrade.includes('parked')) === true);
    expect(check).toMatchObject({ state: expect.not.stringMatching('fail') as unknown, versions: { current: { name: DEPLOYMENT, buildId: '2' }, others: [{ version: { name: DEPLOYMENT, buildId: '1' }, pinned: [], autoUpgrade: ['parked'] }] } });
    expect(check.message).toContain(`1 run is of ${DEPLOYMENT}.1 and goes on with ${DEPLOYMENT}.2: parked`);

    expect(await ferry('approve', 'parked', '--reason', 'figures checked', '--yes')).toMatchObject({ code: 0, json: { accepted: true } });
    await expectReleasedOnce(run, 'parked');
    // The gate of the new build is another one: a run that comes to it now says so.
    const later = await start('later');
    await atGate(later);
    expect((await eventsOf(later)).some((event) => event.includes('core_patch'))).toBe(true);
    expect((await eventsOf(run)).some((event) => event.includes('core_patch'))).toBe(false);
    await later.terminate();
    await second.drain();
  });

  it('asks in the new way when it is sent back, and is replayed by another worker with what its history has by then', async () => {
    const first = await nextBuild('1');
    const run = await start('sent-back');
    await atGate(run);
    await first.drain();
    const second = await nextBuild('2', patchedBundle);
    expect(await ferry('reject', 'sent-back', '--reason', 'scales look wrong', '--to', 'convert', '--yes')).toMatchObject({ json: { accepted: true } });
    await until(run, ({ gates }) => gates['approve']?.opening === 2 && gates['approve'].outcome === undefined);
    expect((await eventsOf(run)).some((event) => event.includes('core_patch'))).toBe(true);
    await second.kill9();
    const third = await nextBuild('2', patchedBundle);
    // The server still asks the killed worker, which has the run in its memory, for some seconds.
    await atGate(run);
    expect(third.log()).not.toMatch(/Nondeterminism|TMPRL1100/);
    expect(await ferry('approve', 'sent-back', '--reason', 'figures checked', '--yes')).toMatchObject({ code: 0, json: { accepted: true } });
    expect(await run.result()).toMatchObject({ state: { status: 'completed' } });
    await third.drain();
  });

  it('without patched() stands still with its decision kept, and is released once the old build is current again', async () => {
    const old = await nextBuild('3');
    const run = await start('unpatched');
    await atGate(run);
    const broken = await nextBuild('4', unpatchedBundle);
    await run.signal('approve', { approver: 'demo-manager', reason: 'figures checked' });
    await expect.poll(async () => (await eventsOf(run)).some((event) => event.includes('workflowTaskFailedEventAttributes')), { timeout: 60_000, interval: 500 }).toBe(true);
    expect((await eventsOf(run)).find((event) => event.includes('workflowTaskFailedEventAttributes'))).toMatch(/Nondeterminism|TMPRL1100/);
    expect((await run.describe()).status.name).toBe('RUNNING');

    await current('3');
    await expectReleasedOnce(run, 'unpatched');
    await Promise.all([old.drain(), broken.drain()]);
  });

  it('leaves a pinned run to its build: the new one does not touch it, and the old one finishes it', async () => {
    const old = await nextBuild('5', undefined, 'pinned');
    const run = await start('pinned');
    await atGate(run);
    const next = await nextBuild('6', unpatchedBundle);
    const check = await eventually(({ versions }) => versions?.others.some(({ pinned }) => pinned.includes('pinned')) === true);
    expect(check.message).toContain(`1 run is pinned to ${DEPLOYMENT}.5, which a worker polls: pinned`);
    expect(await ferry('approve', 'pinned', '--reason', 'figures checked', '--yes')).toMatchObject({ code: 0 });
    await expectReleasedOnce(run, 'pinned');
    await Promise.all([old.drain(), next.drain()]);
  });
});

describe('a job of a pinned run', () => {
  it('is watched by whichever worker is on its host, also of another build', async () => {
    const old = await nextBuild('7', undefined, 'pinned');
    const run = await start('watched', { stages: { train: { attempts: [shellJob(`while [ ! -e "$RECORDS.go" ]; do sleep 0.1; done; ${makes('checkpoint')}`)] } } });
    await until(run, ({ jobs }) => jobs[0]?.handle !== undefined);
    await old.kill9();
    const next = await nextBuild('8');
    await writeFile(`${stack.records}.go`, '');
    // The watch has been taken over and is over: what is left is a workflow task for the build that the run is pinned to.
    await expect.poll(async () => (await eventsOf(run)).filter((event) => event.includes('activityTaskCompletedEventAttributes')).length, { timeout: 60_000, interval: 500 }).toBeGreaterThan(1);
    expect((await run.describe()).status.name).toBe('RUNNING');
    const back = await stack.startWorker({ deployment: { name: DEPLOYMENT, buildId: '7', versioning: 'pinned' } });
    expect(await run.result()).toMatchObject({ state: { status: 'completed' } });
    expect((await startsByKey(stack.records))[`${run.runUid}.train.r1.a1`]).toBe(1);
    await Promise.all([next.drain(), back.drain()]);
  });
});

describe('a version', () => {
  it('whose worker is only started again takes nothing back from its successor with --make-current, unless it is told always', async () => {
    const before = await nextBuild('9');
    await before.drain();
    const successor = await nextBuild('10');
    const again = await ferryWorker('--deployment', DEPLOYMENT, '--build-id', '9', '--make-current');
    expect((await versionsCheck()).versions?.current).toEqual({ name: DEPLOYMENT, buildId: '10' });
    expect(await again.stop()).toBe(0);
    const back = await ferryWorker('--deployment', DEPLOYMENT, '--build-id', '9', '--make-current', 'always');
    expect((await versionsCheck()).versions?.current).toEqual({ name: DEPLOYMENT, buildId: '9' });
    expect(await back.stop()).toBe(0);
    await successor.drain();
  });

  it('that the server does not know is not made current, and says where to look', async () => {
    const asked = makeCurrent({ client: stack.client, version: { name: DEPLOYMENT, buildId: 'never-polled' }, when: 'new', signal: new AbortController().signal, withinMs: 1000 });
    await expect(asked).rejects.toMatchObject({ code: 'not_current', exitCode: 4, hint: expect.stringContaining(`describe --namespace default --name ${DEPLOYMENT}`) as unknown });
  });
});
