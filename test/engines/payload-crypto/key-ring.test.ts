import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadKeyRing, parseKey } from '../../../src/engines/payload-crypto/key-ring.js';

const KEY = randomBytes(32);
const ID = createHash('sha256').update(KEY).digest('hex').slice(0, 16);

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-keys-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe('a key', () => {
  it.each([
    ['hexadecimal digits', KEY.toString('hex')],
    ['capital ones', KEY.toString('hex').toUpperCase()],
    ['base64', KEY.toString('base64')],
    ['base64 without its end', KEY.toString('base64').replace('=', '')],
    ['base64url', KEY.toString('base64url')],
  ])('is read from %s, and its id tells nothing of it', (_, text) => {
    expect(parseKey('payload-key', text)).toEqual({ id: ID, bytes: KEY });
  });

  it.each([
    ['16 bytes', randomBytes(16).toString('base64')],
    ['31 bytes', randomBytes(31).toString('hex')],
    ['33 bytes', randomBytes(33).toString('base64')],
    ['a pass phrase', 'correct horse battery staple'],
    ['two keys', `${KEY.toString('hex')}\n${KEY.toString('hex')}`],
  ])('is refused as %s, by an error that names the secret and not what it holds', (_, text) => {
    const caught = (): unknown => parseKey('payload-key', text);
    expect(caught).toThrow(expect.objectContaining({ name: 'PayloadError', code: 'payload_key_invalid', message: expect.stringMatching(/^The secret payload-key, .* no key of 32 bytes .*openssl rand -base64 32$/) }));
    expect(caught).not.toThrow(text);
  });
});

describe('the keys of a site', () => {
  const load = (names: string[], secrets: Parameters<typeof loadKeyRing>[0]['secrets'], env: Record<string, string> = {}): ReturnType<typeof loadKeyRing> =>
    loadKeyRing({ encryption: { key: { secret: names[0] ?? '' }, previous: names.slice(1).map((secret) => ({ secret })) }, secrets, env });

  it('are read from variables and files; the first one is the current one', async () => {
    const former = randomBytes(32);
    await writeFile(join(dir, 'former'), `${former.toString('hex')}\n`);
    const ring = await load(['now', 'former'], { now: { env: 'NOW' }, former: { file: join(dir, 'former') } }, { NOW: KEY.toString('base64') });
    expect(ring.current).toEqual({ id: ID, bytes: KEY });
    expect([...ring.byId.values()].map(({ bytes }) => bytes)).toEqual([KEY, former]);
  });

  it.each([
    ['a variable that is not set', { now: { env: 'NOW' } }, 'The secret now, a key of payloads.encryption, is empty here; set the variable NOW'],
    ['a file that is not there', { now: { file: '/nowhere/key' } }, 'The secret now, a key of payloads.encryption, can\'t be read'],
    ['a secret that the site does not have', {}, 'The secret now, a key of payloads.encryption, is not in the site file'],
  ])('are refused with %s', async (_, secrets, message) => {
    await expect(load(['now'], secrets)).rejects.toMatchObject({ code: 'payload_key_invalid', message: expect.stringContaining(message) });
  });
});
