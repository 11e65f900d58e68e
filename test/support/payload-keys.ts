import { parseKey, type KeyRing } from '../../src/engines/payload-crypto/key-ring.js';

/** A ring of these keys, the first of which is the current one. */
export function ringOf(current: Buffer, ...previous: Buffer[]): KeyRing {
  const keys = [current, ...previous].map((bytes) => parseKey('test', bytes.toString('hex')));
  const [first] = keys;
  if (first === undefined) throw new RangeError('a ring has a key');
  return { current: first, byId: new Map(keys.map((key) => [key.id, key])) };
}
