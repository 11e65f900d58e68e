import { createHash } from 'node:crypto';

/** A number between 0 and 1 that only seed and text decide: an order that looks like chance and is the same everywhere. */
export function seededHash(seed: number, text: string): number {
  return createHash('sha256').update(`${seed}\n${text}`).digest().readUIntBE(0, 6) / 2 ** 48;
}

/** A family may carry the held-out part this far over its share, no further; a large package would be half of it. */
const TOLERANCE = 1.25;

/**
 * Which families are held out. Whole families go to one side, since documents of one package quote each other and a
 * split through them would measure memory. In seeded order each family is taken that fits, until the share is reached;
 * where none fits the smallest is taken. It does not see near copies between families: a later step has to.
 * @param families bytes of text by family
 * @param share of all bytes that is wanted in the held-out part
 * @returns undefined for fewer than two families, which can't be split without a leak
 */
export function heldOutFamilies(families: ReadonlyMap<string, number>, share: number, seed: number): Set<string> | undefined {
  if (families.size < 2) return undefined;
  const ordered = [...families].map(([name, bytes]) => ({ name, bytes, rank: seededHash(seed, name) })).sort((a, b) => a.rank - b.rank || (a.name < b.name ? -1 : 1));
  const wanted = share * ordered.reduce((sum, { bytes }) => sum + bytes, 0);
  const heldOut = new Set<string>();
  let bytes = 0;
  for (const family of ordered) {
    // One family at least is left to train on.
    if (bytes >= wanted || heldOut.size === ordered.length - 1) break;
    if (bytes + family.bytes > TOLERANCE * wanted) continue;
    heldOut.add(family.name);
    bytes += family.bytes;
  }
  if (heldOut.size === 0) heldOut.add(ordered.reduce((least, one) => (one.bytes < least.bytes ? one : least)).name);
  return heldOut;
}
