import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../../src/client/connect.js';
import { pidExists } from '../../../src/client/home.js';
import { isServing } from '../../../src/engines/temporal-server/grpc-health.js';
import { choosePorts } from '../../../src/engines/temporal-server/ports.js';
import { serverArgs, startServer } from '../../../src/engines/temporal-server/server-process.js';
import { findTestServer, startTestServer, type TestServer } from '../../support/temporal-server.js';

describe('a Temporal development server of our own', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ ui: true });
  }, 300_000);
  afterAll(() => server.stop());

  it('answers as soon as start resolves, its Web UI too', async () => {
    expect(await isServing(server.address, 'default')).toBe(true);
    expect((await fetch(server.ui ?? '')).status).toBe(200);
  });

  it('is not serving a namespace that it does not know', async () => {
    expect(await isServing(server.address, 'nobody-made-this')).toBe(false);
  });

  it('keeps its runs, its port and its links over kill -9', async () => {
    const first = await connect({ address: server.address, home: server.home });
    const { workflowId } = await first.client.workflow.start('nothingRunsThis', { taskQueue: 'none', workflowId: 'survivor' });
    await first.close();

    const { address, pid } = server;
    await server.kill9();
    expect(pidExists(pid)).toBe(false);
    await server.restart();

    expect(server.address).toBe(address);
    const second = await connect({ address: server.address, home: server.home });
    expect((await second.client.workflow.getHandle(workflowId).describe()).status.name).toBe('RUNNING');
    await second.close();
  }, 60_000);

  it('takes the home’s last ports when any would do and they are free', async () => {
    const { path: binary } = await findTestServer();
    const home = await mkdtemp(join(tmpdir(), 'ferry-ports-'));
    const input = { binary, home, port: 0, uiPort: 0, env: process.env } as const;
    const first = await startServer(input);
    await first.stop();
    const second = await startServer(input);
    await second.stop();
    expect([second.port, second.uiPort]).toEqual([first.port, first.uiPort]);
    expect(pidExists(second.pid)).toBe(false);
    await rm(home, { recursive: true });
  }, 60_000);

  it('names the port and the flag when a port is taken, and starts nothing', async () => {
    const port = Number(server.address.split(':')[1]);
    const { path: binary } = await findTestServer();
    const starting = startServer({ binary, home: server.home, port, uiPort: null, env: process.env });
    await expect(starting).rejects.toMatchObject({ code: 'port_taken', message: `Port ${port} of 127.0.0.1 is taken`, hint: expect.stringContaining('ferry dev --port 0') });
  });
});

describe('a server that cannot start', () => {
  let home: string;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'ferry-bad-server-'));
  });
  afterAll(() => rm(home, { recursive: true }));

  it('is told with the end of its log', async () => {
    const binary = join(home, 'temporal');
    await writeFile(binary, '#!/bin/sh\necho "the database is on fire" >&2\nexit 3\n');
    await chmod(binary, 0o755);
    const starting = startServer({ binary, home, port: 0, uiPort: null, env: process.env });
    await expect(starting).rejects.toMatchObject({ code: 'server_start_failed', message: expect.stringMatching(/exit code 3.*\nthe database is on fire/), hint: expect.stringContaining('server.log') });
  });

  it('is killed when it ignores SIGTERM', async () => {
    const binary = join(home, 'stubborn');
    await writeFile(binary, '#!/bin/sh\ntrap "" TERM\nwhile :; do sleep 0.1; done\n');
    await chmod(binary, 0o755);
    const { startBackground } = await import('../../../src/engines/temporal-server/background-process.js');
    const child = await startBackground({ file: binary, args: [], env: process.env, cwd: home, logPath: join(home, 'stubborn.log') });
    await new Promise((done) => setTimeout(done, 300));
    await child.stop(200);
    expect(await child.ended).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('is not called serving while it accepts connections and stays silent', async () => {
    const silent = createServer();
    await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done));
    const { port } = silent.address() as AddressInfo;
    silent.on('connection', (socket) => socket.unref());
    expect(await isServing(`127.0.0.1:${port}`, 'default')).toBe(false);
    silent.close();
  });
});

describe('ports', () => {
  it('gives two different free ones, and ignores a damaged memory of the last ones', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ferry-ports-'));
    const lastPortsPath = join(folder, 'server-ports.json');
    await writeFile(lastPortsPath, '{"port":');
    const { port, uiPort } = await choosePorts({ port: 0, uiPort: 0, lastPortsPath });
    expect(port).toBeGreaterThan(1023);
    expect(uiPort).not.toBe(port);
    expect(await readFile(lastPortsPath, 'utf8')).toBe('{"port":');
    await rm(folder, { recursive: true });
  });
});

describe('the server’s command line', () => {
  it('has the database, the search attributes and whatever else was asked for', () => {
    const args = serverArgs({ home: '/data', port: 7233, uiPort: null, namespace: 'default', searchAttributes: { FerryStage: 'Keyword' }, extraArgs: ['--dynamic-config-value', 'a=1'] });
    expect(args.join(' ')).toBe(
      'server start-dev --ip 127.0.0.1 --port 7233 --headless --db-filename /data/temporal.db --namespace default --log-level warn --search-attribute FerryStage=Keyword --dynamic-config-value a=1',
    );
  });
});
