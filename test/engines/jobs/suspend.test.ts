import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { jobKey } from '../../../src/domain/ids.js';
import { freezeJobRecord, jobDirOf, readStop, takeClaim, type JobRecord } from '../../../src/engines/jobs/job-dir.js';
import { hostIdentity, processStartedAt } from '../../../src/engines/jobs/process-identity.js';
import { suspendLocalJobs } from '../../../src/engines/jobs/suspend.js';

let jobsRoot: string;
let children: ChildProcess[];
beforeEach(() => {
  jobsRoot = mkdtempSync(join(tmpdir(), 'ferry-suspend-'));
  children = [];
});
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(jobsRoot, { recursive: true });
});

function submit(stage: string, graceMs: number): { key: string; jobDir: string } {
  const id = { runUid: 'uid-00000001', stage, round: 1, attempt: 1 };
  const identity = { ...id, run: 'a-run', key: jobKey(id) };
  const jobDir = jobDirOf(jobsRoot, identity);
  const record: JobRecord = {
    schema: 'modelferry.job/1',
    identity,
    executor: 'local',
    kind: 'local',
    backend: 'cpu',
    simulated: false,
    command: ['true'],
    env: {},
    secretNames: [],
    params: {},
    needs: [],
    outputs: {},
    graceMs,
    keepCheckpoints: 1,
    storeRoot: join(jobsRoot, 'store'),
    submittedAt: '2026-01-01T00:00:00.000Z',
    candidates: [],
    passedOver: [],
  };
  freezeJobRecord(jobDir, record);
  return { key: identity.key, jobDir };
}

/** A job whose processes are a shell and its child; the shell leads the group and holds the claim, as a wrapper does. */
async function running(stage: string, script: string, { graceMs = 5000, hostId = hostIdentity().hostId } = {}): Promise<{ key: string; jobDir: string; ended: Promise<unknown> }> {
  const job = submit(stage, graceMs);
  const child = spawn('sh', ['-c', script], { detached: true, stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, FERRY_JOB_KEY: job.key } });
  children.push(child);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const pid = child.pid ?? 0;
  takeClaim(job.jobDir, { ...hostIdentity(), hostId, pid, pidStartedAt: processStartedAt(pid) ?? '', at: '2026-01-01T00:00:00.000Z' });
  return { ...job, ended };
}

describe('suspending the jobs of this host', () => {
  it('asks each to save and leave, and is done when they are gone', async () => {
    const saves = await running('train', 'trap "sleep 0.3; exit 75" TERM; echo up; while :; do sleep 0.05; done');
    const leaves = await running('convert', 'echo up; exec sleep 600');
    const { suspended, remaining } = await suspendLocalJobs({ jobsRoot });
    expect(new Set(suspended)).toEqual(new Set([saves.key, leaves.key]));
    expect(remaining).toEqual([]);
    expect(await saves.ended).toBe(75);
    expect(readStop(saves.jobDir)).toMatchObject({ reason: 'suspended', graceMs: 5000 });
  });

  it('kills without waiting once it is hurried', async () => {
    const stubborn = await running('train', 'trap "" TERM; echo up; sleep 600; sleep 0.1', { graceMs: 600_000 });
    const hurry = new AbortController();
    const before = performance.now();
    const suspending = suspendLocalJobs({ jobsRoot, hurry: hurry.signal });
    setTimeout(() => hurry.abort(), 300);
    const { suspended, remaining } = await suspending;
    // Whether the end of the killed job is still seen before the call returns is a matter of milliseconds.
    expect([...suspended, ...remaining]).toEqual([stubborn.key]);
    expect(performance.now() - before).toBeLessThan(5000);
    await stubborn.ended;
  });

  it('tells a job that was only just submitted not to start', async () => {
    const { jobDir } = submit('train', 5000);
    expect(await suspendLocalJobs({ jobsRoot })).toEqual({ suspended: [], remaining: [] });
    expect(readStop(jobDir)).toMatchObject({ reason: 'suspended' });
  });

  it('leaves the jobs of another host alone', async () => {
    const { jobDir } = await running('train', 'echo up; exec sleep 600', { hostId: 'another-host' });
    expect(await suspendLocalJobs({ jobsRoot })).toEqual({ suspended: [], remaining: [] });
    expect(readStop(jobDir)).toBeUndefined();
  });

  it('has nothing to do where no job ever ran', async () => {
    expect(await suspendLocalJobs({ jobsRoot: join(jobsRoot, 'nothing') })).toEqual({ suspended: [], remaining: [] });
  });
});
