import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { processRef } from '../../src/cli/dev/process-ref.js';
import { keysOf } from '../../src/cli/payloads.js';
import { writeDevFile } from '../../src/client/home.js';
import { ringOf } from '../support/payload-keys.js';
import { call } from './call.js';

const KEY = randomBytes(32);
const { id } = ringOf(KEY).current;
const SITE = { schema: 'modelferry.site/1', approvers: [{ name: 'ana', roles: ['release-manager'] }], secrets: { key: { file: 'payload.key' } }, payloads: { encryption: { key: { secret: 'key' } } } };

let dir: string;
let home: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-payloads-'));
  home = join(dir, 'home');
  await mkdir(join(dir, 'else'));
  await writeFile(join(dir, 'payload.key'), `${KEY.toString('base64')}\n`);
  await writeFile(join(dir, 'site.json'), JSON.stringify(SITE));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe('the keys of a command', () => {
  it('are those of the site file that is named, whose secrets lie beside it and not where the command is typed', async () => {
    const cwd = join(dir, 'else');
    expect((await keysOf({ sitePath: '../site.json', env: {}, cwd, home }))?.current.id).toBe(id);
    expect((await keysOf({ env: { FERRY_SITE: join(dir, 'site.json') }, cwd, home }))?.current.id).toBe(id);
    expect(await keysOf({ env: {}, cwd, home })).toBeUndefined();
  });

  it('are those of the ferry dev that runs for the same home, where no site is named', async () => {
    const dev = { address: '127.0.0.1:1', namespace: 'default', ui: null, home, pids: { server: null, workers: [] }, startedAt: '', dev: processRef(process.pid), processes: { server: null, workers: [] } };
    await writeDevFile(home, { ...dev, site: join(dir, 'site.json') });
    expect((await keysOf({ env: {}, cwd: join(dir, 'else'), home }))?.current.id).toBe(id);
    await writeDevFile(home, { ...dev, site: join(dir, 'site.json'), dev: { ...dev.dev, pid: 2 ** 22 + 1 } });
    expect(await keysOf({ env: {}, cwd: join(dir, 'else'), home })).toBeUndefined();
    await rm(home, { recursive: true });
  });
});

describe('ferry codec-server', () => {
  it.each<[string, string[], string]>([
    ['for a site that encrypts nothing', ['codec-server'], 'not_encrypted'],
    ['with an origin that is a page', ['codec-server', '--origin', 'https://temporal.example/namespaces'], 'usage'],
    ['with an origin that is none', ['codec-server', '--origin', 'temporal.example'], 'usage'],
    ['with a port that is none', ['codec-server', '--port', '70000'], 'usage'],
  ])('is refused %s', async (_, args, code) => {
    const { code: exit, out } = await call([...args, '--json'], { cwd: join(dir, 'else') });
    expect(exit).toBe(2);
    expect((JSON.parse(out) as { error: { code: string } }).error.code).toBe(code);
  });

  it('is refused with a key of another length, which it does not show', async () => {
    await writeFile(join(dir, 'short.json'), JSON.stringify({ ...SITE, secrets: { key: { env: 'SHORT' } } }));
    const short = randomBytes(16).toString('base64');
    const { code, out, err } = await call(['codec-server', '--site', 'short.json'], { cwd: dir, env: { SHORT: short } });
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain('The secret key, a key of payloads.encryption, holds no key of 32 bytes');
    expect(err).not.toContain(short);
  });
});
