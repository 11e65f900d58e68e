import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { hostIdentity, isAlive, membersOf, processStartedAt } from '../../../src/engines/jobs/process-identity.js';
import { killMembers } from '../../../src/engines/jobs/stopper.js';
import { until } from '../../contract/job-kit.js';

describe('the identity of a process', () => {
  const children: ChildProcess[] = [];
  const sleeper = (env: Record<string, string> = {}, detached = true): number => {
    const child = spawn('sleep', ['300'], { detached, stdio: 'ignore', env: { PATH: process.env['PATH'], ...env } });
    children.push(child);
    return child.pid ?? 0;
  };
  const identity = (pid: number) => ({ pid, pidStartedAt: processStartedAt(pid) ?? '', bootId: hostIdentity().bootId });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  it('is alive as long as this very process runs', async () => {
    const pid = sleeper();
    const it = identity(pid);
    expect(isAlive(it)).toBe(true);
    process.kill(pid, 'SIGKILL');
    await until('it is gone', () => !isAlive(it));
  });

  it('is not alive when its id names another process, or after a reboot', () => {
    const it = identity(sleeper());
    expect(isAlive({ ...it, pidStartedAt: '1' })).toBe(false);
    expect(isAlive({ ...it, bootId: 'another' })).toBe(false);
  });

  it('is not alive as a zombie', async () => {
    // The shell turns into a sleep that never reaps the child it inherits.
    const parent = spawn('sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 300'], { stdio: ['ignore', 'pipe', 'ignore'] });
    children.push(parent);
    const zombie = await new Promise<number>((resolve) => parent.stdout.once('data', (text: Buffer) => resolve(Number(text.toString()))));
    const it = identity(zombie);
    await until('it ends', () => !isAlive(it));
    expect(processStartedAt(zombie)).toBe(it.pidStartedAt);
  });

  it('has one host and boot for all processes', () => {
    expect(hostIdentity()).toEqual(hostIdentity());
    expect(hostIdentity().hostId).toMatch(/^[0-9a-f]{12}$/);
    expect(hostIdentity().bootId).not.toBe('');
  });

  it('finds members by session and by the job key that they carry', async () => {
    const leader = identity(sleeper());
    const daemon = sleeper({ FERRY_JOB_KEY: 'k1' });
    sleeper({ FERRY_JOB_KEY: 'k2' });
    sleeper();
    await until('the daemon has its environment', () => membersOf('k1', leader).length > 0);
    expect(membersOf('k1', leader)).toEqual([daemon]);
  });

  it('spares the group of a process that got the same id later', async () => {
    const shell = spawn('sh', ['-c', 'sleep 300 & wait'], { detached: true, stdio: 'ignore' });
    children.push(shell);
    const leader = identity(shell.pid ?? 0);
    await until('its child runs', () => membersOf('k3', leader).length === 1);
    expect(membersOf('k3', { ...leader, pidStartedAt: '1' })).toEqual([]);
    expect(membersOf('k3', { ...leader, bootId: 'another' })).toEqual([]);
    expect(await killMembers('k3', leader)).toBe(true);
  });
});
