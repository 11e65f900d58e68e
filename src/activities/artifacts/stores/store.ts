import type { ArtifactRef, StoreKind } from '../../../domain/artifact.js';
import type { StoredFile } from '../../../engines/artifacts/local-store.js';

/** Where artifacts live: content-addressed and immutable. All methods throw StoreError. */
export interface ArtifactStore {
  readonly kind: StoreKind;
  /** Takes in a copy of a file or directory; what is there already is not stored twice. */
  add(path: string, options: { kind: string; annotations?: Record<string, string> }): Promise<ArtifactRef>;
  /** As the given kind if it was ever taken in as that, otherwise as what it was first. */
  find(digest: string, as?: string): Promise<ArtifactRef | undefined>;
  /** Reads everything and names each file that is wrong; an empty list means whole. */
  verify(digest: string): Promise<string[]>;
  /** Its files with their hashes and where this host can read them. Nobody may write to them. */
  files(digest: string): Promise<StoredFile[]>;
}
