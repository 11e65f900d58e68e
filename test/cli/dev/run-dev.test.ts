import { spawn } from 'node:child_process';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { prepareDevSite } from '../../../src/cli/dev/dev-site.js';
import { processRef } from '../../../src/cli/dev/process-ref.js';
import { startDev, type DevInput, type RunningDev } from '../../../src/cli/dev/run-dev.js';
import { connect } from '../../../src/client/connect.js';
import { pidExists, readDevFile, writeDevFile } from '../../../src/client/home.js';
import { missingSearchAttributes } from '../../../src/client/search-attributes.js';
import { startTestServer, TEST_TOOLS_DIR } from '../../support/temporal-server.js';

const STUB = [process.execPath, fileURLToPath(new URL('stub-ferry.js', import.meta.url))];
const NEVER = new AbortController().signal;

let home: string;
let said: string[];
let running: RunningDev[];
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'ferry-dev-'));
  said = [];
  running = [];
});
afterEach(async () => {
  for (const dev of running) await dev.suspend(AbortSignal.abort());
  await rm(home, { recursive: true });
});

async function start(changes: Partial<DevInput> = {}): Promise<RunningDev> {
  const site = await prepareDevSite({ env: {}, cwd: home, home });
  const dev = await startDev({
    home,
    cwd: home,
    env: { PATH: process.env['PATH'], HOME: home },
    connection: {},
    port: 0,
    uiPort: null,
    site,
    say: (message) => said.push(message),
    signal: NEVER,
    ferryCommand: STUB,
    toolsDir: TEST_TOOLS_DIR,
    ...changes,
  });
  running.push(dev);
  return dev;
}

async function suspend(dev: RunningDev): Promise<void> {
  running = running.filter((other) => other !== dev);
  await dev.suspend(NEVER);
}

/** The pids of `dev.json`, once they differ from these. */
async function pidsAfter(old: { server: number | null; workers: number[] }): Promise<{ server: number | null; workers: number[] }> {
  for (;;) {
    const pids = (await readDevFile(home))?.pids;
    if (pids !== undefined && JSON.stringify(pids) !== JSON.stringify(old)) return pids;
    await new Promise((done) => setTimeout(done, 50));
  }
}

describe('ferry dev', { timeout: 60_000 }, () => {
  it('starts a server with its search attributes and a worker for it, which clients of the home find', async () => {
    const { info, taskQueues } = await start({ env: { PATH: process.env['PATH'], HOME: home, TEMPORAL_API_KEY: 'of another server' } });
    expect(info).toEqual({ address: expect.stringMatching(/^127\.0\.0\.1:\d+$/), namespace: 'default', ui: null, home, pids: { server: expect.any(Number), workers: [expect.any(Number)] } });
    expect(taskQueues).toEqual(['ferry']);
    const { connection, close } = await connect({ home, env: { TEMPORAL_API_KEY: 'of another server' } });
    expect(await missingSearchAttributes(connection, 'default')).toEqual([]);
    const { config } = await connection.workflowService.describeNamespace({ namespace: 'default' });
    expect(Number(config?.workflowExecutionRetentionTtl?.seconds), 'ended runs are kept for a year').toBe(365 * 86_400);
    await close();

    const seen: unknown = JSON.parse((await readFile(join(home, 'worker.log'), 'utf8')).trim());
    expect(seen).toEqual({ FERRY_HOME: home, TEMPORAL_ADDRESS: info.address, TEMPORAL_NAMESPACE: 'default', args: ['worker', '--json', '--site', join(home, 'built-in-site.json')] });
  });

  it('refuses a second one on the same home, with the address of the first', async () => {
    const { info } = await start();
    await expect(start()).rejects.toMatchObject({ code: 'already_running', exitCode: 2, message: expect.stringContaining(info.address), hint: expect.stringContaining('FERRY_HOME') });
    expect(pidExists(info.pids.server ?? 0)).toBe(true);
  });

  it('starts a worker again that died', async () => {
    const before = structuredClone((await start()).info.pids);
    process.kill(before.workers[0] ?? 0, 'SIGKILL');
    const after = await pidsAfter(before);
    expect(after.server).toBe(before.server);
    expect(pidExists(after.workers[0] ?? 0)).toBe(true);
    expect(said).toContain('The worker was ended by SIGKILL; starting it again in 0.2 s');
  });

  it('starts a server again that died, on its database and its port', async () => {
    const { info } = await start();
    const before = structuredClone(info.pids);
    const first = await connect({ home });
    await first.client.workflow.start('nothingRunsThis', { taskQueue: 'none', workflowId: 'survivor' });
    await first.close();
    process.kill(before.server ?? 0, 'SIGKILL');
    await pidsAfter(before);

    expect((await readDevFile(home))?.address).toBe(info.address);
    const second = await connect({ home });
    expect((await second.client.workflow.getHandle('survivor').describe()).status.name).toBe('RUNNING');
    await second.close();
  });

  it('leaves nothing behind when it is suspended, and goes on at the same address', async () => {
    const dev = await start();
    const { address, pids } = structuredClone(dev.info);
    await suspend(dev);
    expect([pids.server, ...pids.workers].filter((pid) => pid !== null && pidExists(pid))).toEqual([]);
    expect(await readDevFile(home)).toBeUndefined();
    expect((await start()).info.address).toBe(address);
  });

  it('ends what a ferry dev that was killed left running, before it touches the database', async () => {
    const leftover = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
    const gone = new Promise((resolve) => leftover.once('exit', resolve));
    const dead = { pid: 2 ** 30, pidStartedAt: '0', bootId: 'another' };
    const pids = { server: leftover.pid ?? 0, workers: [] };
    await writeDevFile(home, { address: '127.0.0.1:7', namespace: 'default', ui: null, home, pids, startedAt: '2026-01-01T00:00:00Z', dev: dead, processes: { server: processRef(pids.server), workers: [dead] } });
    await writeFile(join(home, 'dev.lock'), JSON.stringify(dead));
    await start();
    await gone;
    expect(said).toContain('The last ferry dev of this home did not end in order; taking up from there.');
  });

  it('says why a worker did not start, and leaves nothing running', async () => {
    const failing = start({ env: { PATH: process.env['PATH'], HOME: home, STUB_FAIL: '1' } });
    await expect(failing).rejects.toMatchObject({ code: 'worker_failed', exitCode: 2, message: expect.stringContaining('the site file is wrong'), hint: expect.stringContaining('worker.log') });
    await expect(access(join(home, 'dev.lock'))).rejects.toThrow('ENOENT');
    const { info } = await start(); // neither lock nor database is held
    expect(info.pids.server).not.toBeNull();
  });

  it('hands on what a worker said that refused to start, instead of lines of its log', async () => {
    const problems = [{ path: 'pipelines.js', found: 'an import of node:fs', expected: 'none' }];
    const error = { code: 'pipelines_invalid', message: 'p.js is not a valid pipelines module', hint: 'Build the module', problems };
    const failing = start({ env: { PATH: process.env['PATH'], HOME: home, STUB_REFUSE: JSON.stringify({ error }) } });
    await expect(failing).rejects.toMatchObject({ code: 'worker_failed', exitCode: 2, message: 'The worker did not start: p.js is not a valid pipelines module', hint: 'Build the module', problems });
  });

  it('gives up at once when it is interrupted while it starts', async () => {
    const interrupt = new AbortController();
    const starting = start({ signal: interrupt.signal, env: { PATH: process.env['PATH'], HOME: home, STUB_DELAY_MS: '60000' } });
    setTimeout(() => interrupt.abort(new Error('interrupted')), 1500);
    await expect(starting).rejects.toThrow('interrupted');
    await expect(access(join(home, 'dev.lock'))).rejects.toThrow('ENOENT');
  });

  it('starts no server beside one that TEMPORAL_ADDRESS names, and leaves that one alone', async () => {
    const server = await startTestServer();
    const dev = await start({ env: { PATH: process.env['PATH'], HOME: home, TEMPORAL_ADDRESS: server.address } });
    expect(dev.info).toMatchObject({ address: server.address, pids: { server: null } });
    await suspend(dev);
    expect(pidExists(server.pid)).toBe(true);
    await server.stop();
  });

  it('reports an unreachable TEMPORAL_ADDRESS as that, without starting anything', async () => {
    await expect(start({ env: { TEMPORAL_ADDRESS: '127.0.0.1:47' } })).rejects.toMatchObject({ code: 'unreachable', exitCode: 4 });
  });
});
