import { LocalStore } from '../../../../engines/artifacts/local-store.js';
import type { ArtifactStore } from '../store.js';

/** A directory, shared by everything that runs jobs and workers. */
export function createLocalDirStore({ path }: { path: string }): ArtifactStore {
  const store = new LocalStore(path);
  return {
    kind: 'local-dir',
    add: (source, options) => store.add(source, options),
    find: (digest, as) => store.find(digest, as),
    verify: (digest) => store.verify(digest),
    files: (digest) => store.files(digest),
  };
}
