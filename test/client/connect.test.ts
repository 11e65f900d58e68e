import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createSecureServer } from 'node:http2';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, resolveTarget } from '../../src/client/connect.js';
import { defaultHome, devFilePath, readDevFile, writeDevFile, type DevFile } from '../../src/client/home.js';
import { createCommand, ensureSearchAttributes, missingSearchAttributes } from '../../src/client/search-attributes.js';
import { SEARCH_ATTRIBUTES } from '../../src/domain/views.js';
import { startTestServer, type TestServer } from '../support/temporal-server.js';

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'ferry-connect-'));
});
afterAll(() => rm(home, { recursive: true }));

/** A process that surely is no more: above the largest pid that any system gives. */
const NO_PID = 2 ** 30;

function processRef(pid: number): DevFile['dev'] {
  return { pid, pidStartedAt: '0', bootId: 'this' };
}

function devFile(changes: Partial<DevFile> = {}): DevFile {
  return {
    address: '127.0.0.1:7233',
    namespace: 'default',
    ui: 'http://127.0.0.1:8233',
    home,
    pids: { server: null, workers: [] },
    startedAt: '2026-01-01T00:00:00.000Z',
    dev: processRef(process.pid),
    processes: { server: null, workers: [] },
    ...changes,
  };
}

describe('which server is meant', () => {
  it('is the flags’ one before the environment’s before the running ferry dev’s', async () => {
    await writeDevFile(home, devFile({ address: '127.0.0.1:3' }));
    const env = { TEMPORAL_ADDRESS: '127.0.0.1:2', TEMPORAL_NAMESPACE: 'of-env' };
    expect(await resolveTarget({ address: '127.0.0.1:1', namespace: 'of-flag', home, env })).toMatchObject({ address: '127.0.0.1:1', namespace: 'of-flag', source: 'flags', ui: null });
    expect(await resolveTarget({ home, env })).toMatchObject({ address: '127.0.0.1:2', namespace: 'of-env', source: 'environment' });
    expect(await resolveTarget({ home, env: { TEMPORAL_ADDRESS: '' } })).toMatchObject({ address: '127.0.0.1:3', namespace: 'default', source: 'ferry dev', ui: 'http://127.0.0.1:8233' });
  });

  it('carries the API key and TLS of the environment, but never to the ferry dev of this machine', async () => {
    await writeDevFile(home, devFile());
    const env = { TEMPORAL_API_KEY: 'secret' };
    expect((await resolveTarget({ address: 'cloud.example:7233', home, env })).options).toMatchObject({ apiKey: 'secret', tls: true });
    expect((await resolveTarget({ home, env })).options).toEqual({ address: '127.0.0.1:7233' });
  });

  it('takes a profile with its certificate from the configuration file', async () => {
    const file = join(home, 'temporal.toml');
    await writeFile(file, '[profile.prod]\naddress = "prod.example:7233"\nnamespace = "models"\n[profile.prod.tls]\nclient_cert_data = "CERT"\nclient_key_data = "KEY"\nserver_name = "inner"\n[profile.empty]\n');
    const env = { TEMPORAL_CONFIG_FILE: file };
    const { address, namespace, options } = await resolveTarget({ profile: 'prod', home, env });
    expect({ address, namespace }).toEqual({ address: 'prod.example:7233', namespace: 'models' });
    expect(options.tls).toMatchObject({ serverNameOverride: 'inner', clientCertPair: { crt: new TextEncoder().encode('CERT') } });
    await expect(resolveTarget({ profile: 'empty', home, env })).rejects.toMatchObject({ code: 'connection_config', exitCode: 2, hint: expect.stringContaining('temporal config set --profile empty') });
    await expect(resolveTarget({ profile: 'nope', home, env })).rejects.toMatchObject({ code: 'connection_config', message: expect.stringContaining('nope') });
  });

  it('is none when the ferry dev of the home is gone: exit 4, and the hint names ferry dev', async () => {
    await writeDevFile(home, devFile({ dev: processRef(NO_PID) }));
    await expect(resolveTarget({ home, env: {} })).rejects.toMatchObject({ name: 'ClientError', code: 'unreachable', exitCode: 4, hint: expect.stringContaining('ferry dev') });
  });
});

describe('connecting', () => {
  let silent: Server;
  beforeAll(async () => {
    silent = createServer((socket) => socket.on('error', () => undefined).unref());
    await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done));
  });
  afterAll(() => {
    silent.close();
  });

  it.each([
    ['nothing listens', () => '127.0.0.1:9'],
    ['a server accepts and stays silent', () => `127.0.0.1:${(silent.address() as AddressInfo).port}`],
    ['the name does not exist', () => 'no-such-host.invalid:7233'],
  ])('fails within 3 s when %s', async (_case, address) => {
    const before = performance.now();
    await expect(connect({ home, env: { TEMPORAL_ADDRESS: address() } })).rejects.toMatchObject({ code: 'unreachable', exitCode: 4, message: expect.stringContaining(address()), hint: expect.stringContaining('ferry dev') });
    expect(performance.now() - before).toBeLessThan(3500);
  });

  it('speaks TLS with the CA of the environment and sends the API key; a refusal is no "unreachable"', async () => {
    const [key, cert] = [join(home, 'key.pem'), join(home, 'cert.pem')];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert], { stdio: 'ignore' });
    const seen: unknown[] = [];
    const secure = createSecureServer({ key: await readFile(key), cert: await readFile(cert) });
    secure.on('stream', (stream, headers) => {
      seen.push(headers.authorization);
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '16', 'grpc-message': 'unknown key' }, { endStream: true });
    });
    await new Promise<void>((done) => secure.listen(0, done));
    const address = `localhost:${(secure.address() as AddressInfo).port}`;
    const env = { TEMPORAL_ADDRESS: address, TEMPORAL_API_KEY: 'secret', TEMPORAL_TLS_SERVER_CA_CERT_PATH: cert };
    await expect(connect({ home, env })).rejects.toMatchObject({ code: 'unauthorized', message: expect.stringContaining('unknown key') });
    expect(seen).toContain('Bearer secret');
    secure.close();
  });

  it('refuses an address with a scheme before it waits for it', async () => {
    await expect(connect({ address: 'https://example.com', home })).rejects.toMatchObject({ code: 'connection_config', exitCode: 2 });
  });
});

describe('with a real server', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ searchAttributes: { FerryStage: 'Keyword', FerryVersion: 'Int' } });
  }, 300_000);
  afterAll(() => server.stop());

  it('connects by TEMPORAL_ADDRESS and by the running ferry dev', async () => {
    await writeDevFile(home, devFile({ address: server.address }));
    for (const env of [server.env, {}]) {
      const { client, namespace, address, close } = await connect({ home, env });
      expect({ namespace, address }).toEqual({ namespace: 'default', address: server.address });
      expect(await client.workflow.count()).toMatchObject({ count: 0 });
      await close();
    }
  });

  it('adds the search attributes that are missing, at once usable, and says when one has another type', async () => {
    const { connection, client, close } = await connect({ home, env: server.env });
    await expect(ensureSearchAttributes(connection, 'default')).rejects.toMatchObject({ code: 'search_attribute_type', hint: expect.stringContaining('search-attribute remove --namespace default --name FerryVersion') });
    await connection.operatorService.removeSearchAttributes({ namespace: 'default', searchAttributes: ['FerryVersion'] });

    const added = await ensureSearchAttributes(connection, 'default');
    expect(added).toEqual(Object.keys(SEARCH_ATTRIBUTES).filter((name) => name !== 'FerryStage'));
    expect(await client.workflow.count('FerryVersion = "1" AND FerryTargetDate > "2026-01-01T00:00:00Z"')).toMatchObject({ count: 0 });
    expect(await ensureSearchAttributes(connection, 'default')).toEqual([]);
    expect(await missingSearchAttributes(connection, 'default')).toEqual([]);
    await close();
  }, 60_000);

  it('tells the command to type where adding is not allowed', () => {
    expect(createCommand('models', ['FerryStage', 'FerryTargetDate'])).toBe('temporal operator search-attribute create --namespace models --name FerryStage --type Keyword --name FerryTargetDate --type Datetime');
  });
});

describe('the home', () => {
  it('is FERRY_HOME, else the platform’s data folder', () => {
    const at = (platform: NodeJS.Platform, env: Record<string, string>): string => defaultHome({ platform, env, userHome: '/home/ada' });
    expect(at('linux', { FERRY_HOME: '/srv/ferry', XDG_DATA_HOME: '/x' })).toBe('/srv/ferry');
    expect(at('linux', { XDG_DATA_HOME: '/x' })).toBe('/x/modelferry');
    expect(at('linux', {})).toBe('/home/ada/.local/share/modelferry');
    expect(at('darwin', {})).toBe('/home/ada/Library/Application Support/modelferry');
    expect(at('win32', { LOCALAPPDATA: '/local' })).toBe('/local/modelferry');
  });

  it('keeps dev.json for its owner only, and names the command when it is damaged', async () => {
    await writeDevFile(home, devFile());
    expect((await stat(devFilePath(home))).mode & 0o777).toBe(0o600);
    expect(await readDevFile(home)).toEqual(devFile());
    await writeFile(devFilePath(home), '{"address":');
    await expect(readDevFile(home)).rejects.toMatchObject({ code: 'dev_file_invalid', exitCode: 2, hint: expect.stringContaining('rm ') });
    expect(await readDevFile(join(home, 'nothing'))).toBeUndefined();
  });
});
