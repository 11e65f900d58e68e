import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { statSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { guardedOutput } from '../../../src/cli/streams.js';
import { pidExists, readDevFile } from '../../../src/client/home.js';
import { ROOT } from '../../support/sources.js';
import { findTestServer } from '../../support/temporal-server.js';

describe('output that nobody reads any more', () => {
  it.each(['EPIPE', 'EIO'])('is told once for %s, and nothing is written after it', (code) => {
    const stream = Object.assign(new EventEmitter(), { write: vi.fn<(text: string) => void>() });
    const guards = { onGone: vi.fn<(code: string) => void>(), onError: vi.fn<(error: Error) => void>() };
    const output = guardedOutput(stream, guards);
    output.write('a');
    for (let i = 0; i < 2; i += 1) stream.emit('error', Object.assign(new Error(code), { code }));
    output.write('b');
    expect(stream.write.mock.calls).toEqual([['a']]);
    expect(guards.onGone.mock.calls).toEqual([[code]]);
    expect(guards.onError).not.toHaveBeenCalled();
  });

  it('is not what another error means', () => {
    const stream = Object.assign(new EventEmitter(), { write: vi.fn<(text: string) => void>() });
    const guards = { onGone: vi.fn<(code: string) => void>(), onError: vi.fn<(error: Error) => void>() };
    const output = guardedOutput(stream, guards);
    stream.emit('error', Object.assign(new Error('full'), { code: 'ENOSPC' }));
    output.write('b');
    expect(guards.onError).toHaveBeenCalledTimes(1);
    expect(guards.onGone).not.toHaveBeenCalled();
    expect(stream.write).toHaveBeenCalledTimes(1);
  });
});

const changedAt = (path: string): number => statSync(join(ROOT, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
const isBuilt = ['src/cli/index.ts', 'src/cli/streams.ts', 'src/cli/terminals.ts', 'src/cli/commands/dev.ts'].every((source) => changedAt(source) < changedAt('dist/cli/index.js')) && changedAt('dist/workflow-bundle.js') > 0;

/** `pty.fork` of Python makes the terminal: Node has none. Prints the exit status after the terminal was closed. */
const IN_A_TERMINAL = `
import os, pty, sys
pid, fd = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
seen = b''
while b'End with' not in seen: seen += os.read(fd, 4096)
os.close(fd)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

// What it tests is the process, so it takes the compiled one; `npm run verify` builds first.
describe.skipIf(!isBuilt)('ferry dev', { timeout: 90_000 }, () => {
  let home: string;
  let child: ChildProcess | undefined;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'ferry-closed-'));
  });
  afterEach(async () => {
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      child.kill('SIGINT');
      await once(child, 'exit');
    }
    await rm(home, { recursive: true, force: true });
  });

  async function start(command: readonly string[]): Promise<ChildProcess> {
    const { path } = await findTestServer();
    const env = { PATH: `${dirname(path)}:${process.env['PATH'] ?? ''}`, HOME: home, FERRY_HOME: home };
    child = spawn('/usr/bin/env', [...command, process.execPath, join(ROOT, 'bin/ferry.js'), 'dev', '--port', '0', '--headless'], { cwd: home, env, stdio: ['ignore', 'pipe', 'pipe'] });
    return child;
  }

  async function pids(): Promise<number[]> {
    for (;;) {
      const dev = await readDevFile(home);
      if (dev !== undefined) return [...dev.pids.workers, ...(dev.pids.server === null ? [] : [dev.pids.server])];
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  async function expectNothingLeft(all: readonly number[]): Promise<void> {
    expect(all.filter(pidExists)).toEqual([]);
    expect((await readdir(home)).filter((name) => name === 'dev.json' || name === 'dev.lock')).toEqual([]);
  }

  it('whose pipe is closed ends in order, with its server and worker', async () => {
    const dev = await start([]);
    const exit = once(dev, 'exit');
    dev.stdout?.destroy();
    dev.stderr?.destroy();
    const all = await pids();
    expect(await exit).toEqual([143, null]);
    await expectNothingLeft(all);
  });

  it.skipIf(spawnSync('python3', ['--version']).error !== undefined)('whose terminal is closed does so too', async () => {
    const dev = await start(['python3', '-c', IN_A_TERMINAL]);
    let out = '';
    dev.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
    const exit = once(dev, 'exit');
    const all = await pids();
    await exit;
    expect(out.trim()).toBe('143');
    await expectNothingLeft(all);
  });
});
