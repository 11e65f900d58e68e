import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { open, seal } from '../../../src/engines/payload-crypto/cipher.js';
import { ringOf } from '../../support/payload-keys.js';

const KEY = randomBytes(32);
const ring = ringOf(KEY);
const { id } = ring.current;
const sealed = (text: string): Buffer => seal(ring.current, Buffer.from(text));

describe('what is sealed', () => {
  it.each([['nothing', 0], ['one byte', 1], ['a block and one byte', 17], ['2 MB', 2 * 1024 * 1024]])('is opened again as it was: %s', (_, bytes) => {
    const plain = randomBytes(bytes);
    const box = seal(ring.current, plain);
    expect(box.length).toBe(bytes + 28);
    expect(open(ring, id, box).equals(plain)).toBe(true);
  });

  it('looks different each time, so that equal payloads can\'t be told', () => {
    const boxes = Array.from({ length: 200 }, () => sealed('the same').toString('hex'));
    expect(new Set(boxes).size).toBe(200);
    expect(new Set(boxes.map((box) => box.slice(0, 24))).size).toBe(200);
  });

  it('is refused with any single bit of it changed', () => {
    const box = sealed('eight by');
    for (let bit = 0; bit < box.length * 8; bit += 1) {
      const changed = Buffer.from(box);
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(() => open(ring, id, changed), `bit ${bit}`).toThrow(expect.objectContaining({ name: 'PayloadError', code: 'payload_damaged' }));
    }
  });

  it('is refused at any shorter length, and longer', () => {
    const box = sealed('eight by');
    for (let length = 0; length < box.length; length += 1) expect(() => open(ring, id, box.subarray(0, length)), `${length} bytes`).toThrow(expect.objectContaining({ code: 'payload_damaged' }));
    expect(() => open(ring, id, Buffer.concat([box, Buffer.alloc(1)]))).toThrow(expect.objectContaining({ code: 'payload_damaged' }));
  });

  it('is refused under another key that claims its id, and under its key by another id', () => {
    const other = randomBytes(32);
    const claims = { current: { id, bytes: other }, byId: new Map([[id, { id, bytes: other }]]) };
    expect(() => open(claims, id, sealed('x'))).toThrow(expect.objectContaining({ code: 'payload_damaged' }));
    const renamed = { id: 'aaaaaaaaaaaaaaaa', bytes: KEY };
    expect(() => open({ current: renamed, byId: new Map([[renamed.id, renamed]]) }, renamed.id, sealed('x'))).toThrow(expect.objectContaining({ code: 'payload_damaged' }));
  });

  it('names in its error the id that it needs and those that are there, and no key', () => {
    const strangers = ringOf(randomBytes(32), randomBytes(32));
    const error = (keys: typeof ring | undefined): Error => {
      try {
        open(keys, id, sealed('x'));
      } catch (caught) {
        return caught as Error;
      }
      throw new Error('it was opened');
    };
    expect(error(strangers)).toMatchObject({ code: 'payload_key_unknown', message: `A payload is encrypted with the key ${id}; the site file names ${[...strangers.byId.keys()].join(', ')}` });
    expect(error(undefined)).toMatchObject({ code: 'payloads_encrypted', message: expect.stringContaining(id) });
    for (const { bytes } of strangers.byId.values()) for (const form of ['hex', 'base64'] as const) expect(error(strangers).message).not.toContain(bytes.toString(form));
    expect(() => open(strangers, '\u001B[31m evil', sealed('x'))).toThrow('the key (not an id)');
  });
});
