import { createHash, randomBytes } from 'node:crypto';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import type { KeyRing } from '../src/engines/payload-crypto/key-ring.js';
import { payloadCodec } from '../src/temporal-codec.js';
import { assertDecrypted, payloadConverter } from '../src/temporal-payloads.js';
import { ringOf } from './support/payload-keys.js';

const FORMER = randomBytes(32);
const KEY = randomBytes(32);
const ring = ringOf(KEY);
const strict = (keys: KeyRing | undefined): ReturnType<typeof payloadCodec> => payloadCodec({ keys: async () => keys, unreadable: 'throw' });
const lenient = (keys: KeyRing | undefined): ReturnType<typeof payloadCodec> => payloadCodec({ keys: async () => keys, unreadable: 'pass' });
const json = (value: unknown): Payload => defaultPayloadConverter.toPayload(value) as Payload;
const text = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString();
const plainOf = ({ metadata, data }: Payload): unknown => [Object.entries(metadata ?? {}).map(([name, value]) => [name, text(value)]), text(data)];
const damaged = (payload: Payload): Payload => ({ ...payload, data: Buffer.from(payload.data ?? []).map((byte, i) => (i === 20 ? byte ^ 1 : byte)) });

describe('the codec', () => {
  it('encrypts a payload with its metadata, as Temporal\'s samples mark it', async () => {
    const [sealed] = await strict(ring).encode([json({ hello: 'world' })]);
    expect(Object.fromEntries(Object.entries(sealed?.metadata ?? {}).map(([name, value]) => [name, text(value)]))).toEqual({
      encoding: 'binary/encrypted',
      'encryption-key-id': createHash('sha256').update(KEY).digest('hex').slice(0, 16),
    });
    for (const word of ['hello', 'world', 'json/plain']) expect(text(sealed?.data)).not.toContain(word);
    const [opened] = await strict(ring).decode(sealed === undefined ? [] : [sealed]);
    expect(opened === undefined ? undefined : plainOf(opened)).toEqual(plainOf(json({ hello: 'world' })));
  });

  it.each<[string, Payload]>([['without anything', {}], ['without data', { metadata: { encoding: Buffer.from('binary/null') } }], ['of 2 MB', { metadata: { encoding: Buffer.from('binary/plain') }, data: randomBytes(2 * 1024 * 1024) }]])('gives back a payload %s', async (_, payload) => {
    const [opened] = await strict(ring).decode(await strict(ring).encode([payload]));
    expect(plainOf(opened ?? { data: Buffer.from('nothing') })).toEqual(plainOf(payload));
    expect(Buffer.from(opened?.data ?? []).equals(Buffer.from(payload.data ?? []))).toBe(true);
  });

  it('gives back whatever it was given: 500 random lists of payloads', async () => {
    for (let round = 0; round < 500; round += 1) {
      const payloads = Array.from({ length: round % 5 }, (): Payload => {
        const names = Array.from({ length: randomBytes(1).readUInt8() % 4 }, () => randomBytes(3).toString('hex'));
        return { metadata: Object.fromEntries(names.map((name) => [name, randomBytes(randomBytes(1).readUInt8() % 40)])), data: randomBytes(randomBytes(2).readUInt16LE() % 3000) };
      });
      const bytesOf = (list: readonly Payload[]): unknown => list.map(({ metadata, data }) => [Object.entries(metadata ?? {}).map(([name, value]) => [name, Buffer.from(value).toString('hex')]), Buffer.from(data ?? []).toString('hex')]);
      expect(bytesOf(await strict(ring).decode(await strict(ring).encode(payloads)))).toEqual(bytesOf(payloads));
    }
  });

  it('leaves alone what is not encrypted, and encrypts nothing without a key', async () => {
    const plain = [json('from the Web UI'), json(1)];
    expect(await strict(ring).decode(plain)).toEqual(plain);
    expect(await strict(undefined).decode(plain)).toEqual(plain);
    expect(await strict(undefined).encode(plain)).toEqual(plain);
  });

  it('does not encrypt twice', async () => {
    const once = await strict(ring).encode([json(1)]);
    expect(await strict(ring).encode(once)).toEqual(once);
  });

  it('does not ask for keys where nothing is encrypted', async () => {
    const codec = payloadCodec({ keys: () => Promise.reject(new Error('asked')), unreadable: 'throw' });
    expect(await codec.decode([json(1)])).toEqual([json(1)]);
    await expect(codec.encode([json(1)])).rejects.toThrow('asked');
  });

  it('decrypts with a former key, and encrypts with the current one', async () => {
    const old = await strict(ringOf(FORMER)).encode([json('old')]);
    const rotated = strict(ringOf(KEY, FORMER));
    expect((await rotated.decode(old)).map(plainOf)).toEqual([plainOf(json('old'))]);
    expect(text((await rotated.encode([json('new')]))[0]?.metadata?.['encryption-key-id'])).toBe(ring.current.id);
  });

  it('rejects what it can\'t decrypt in a command, and passes it on in a worker', async () => {
    const sealed = await strict(ring).encode([json(1)]);
    await expect(strict(undefined).decode(sealed)).rejects.toMatchObject({ name: 'PayloadError', code: 'payloads_encrypted' });
    await expect(strict(ringOf(FORMER)).decode(sealed)).rejects.toMatchObject({ code: 'payload_key_unknown' });
    await expect(strict(ring).decode(sealed.map(damaged))).rejects.toMatchObject({ code: 'payload_damaged' });
    await expect(strict(ring).decode([{ metadata: sealed[0]?.metadata }])).rejects.toMatchObject({ code: 'payload_damaged' });
    for (const keys of [undefined, ringOf(FORMER)]) expect(await lenient(keys).decode(sealed)).toEqual(sealed);
  });
});

describe('a worker\'s converter, of what its codec could not decrypt,', () => {
  it('makes a value for a message, which its handler refuses, and an error for what an activity gave', async () => {
    const [sealed = {}] = await strict(ring).encode([json({ verdict: 'approve' })]);
    const ofWorkflow = payloadConverter.fromPayload(sealed, { type: 'workflow', namespace: 'n', workflowId: 'w' });
    expect(ofWorkflow).toEqual({ undecodable: true, encryptedWith: ring.current.id });
    expect(() => payloadConverter.fromPayload(sealed, { type: 'activity', namespace: 'n', isLocal: false })).toThrow(`the key ${ring.current.id} is not in its site file`);
    expect(() => assertDecrypted(ofWorkflow)).toThrow(ring.current.id);
    expect(() => assertDecrypted({ v: 1 })).not.toThrow();
  });
});
