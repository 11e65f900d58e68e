import type { ArtifactRef } from '../../domain/artifact.js';
import type { LocalStore } from '../artifacts/local-store.js';
import { findArtifact, packSource, type Packed } from './pack-sources.js';

/**
 * What a spec names by path or digest, in a store that its workers see: for `startRun`. `dir` is the spec's folder, which
 * no path may leave; `onPacked` hears of each path that was taken in and of what was left out. Both functions throw StoreError.
 */
export function specStore({ store, dir, onPacked }: { store: LocalStore; dir: string; onPacked?: (packed: Packed) => void }): {
  pack(path: string, kind: string): Promise<ArtifactRef>;
  find(digest: string, kind: string): Promise<ArtifactRef>;
} {
  return {
    async pack(path, kind) {
      const packed = await packSource({ store, dir, path, kind });
      onPacked?.(packed);
      return packed.ref;
    },
    find: (digest, kind) => findArtifact(store, digest, kind),
  };
}
