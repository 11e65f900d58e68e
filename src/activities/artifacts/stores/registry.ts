import type { StoreKind } from '../../../domain/artifact.js';
import type { StoreConfig } from '../../../domain/site.js';
import { createLocalDirStore } from './local-dir/index.js';
import type { ArtifactStore } from './store.js';

/** A store of each kind that a site file can name; `defaultPath` is where `ferry dev` keeps its own. */
const STORES = {
  'local-dir': (config, defaultPath) => createLocalDirStore({ path: config.path ?? defaultPath }),
} satisfies Record<StoreKind, (config: StoreConfig, defaultPath: string) => ArtifactStore>;

/** The store that a site file names; `defaultPath`, absolute, is where it lies when the file names no path. */
export const createStore = (config: StoreConfig, defaultPath: string): ArtifactStore => STORES[config.kind](config, defaultPath);
