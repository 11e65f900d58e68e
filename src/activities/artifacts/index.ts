import type { ArtifactRef } from '../../domain/artifact.js';
import type { ArtifactStore } from './stores/store.js';
import { beating, storeFailure } from '../guards.js';

/** What workflows ask of the store. */
export interface ArtifactActivities {
  /** The artifacts with these digests that are whole in the store, and a line for each that is not. `as`: the kind that is meant, by digest. */
  verifyArtifacts(request: { digests: string[]; as?: Record<string, string> }): Promise<{ found: ArtifactRef[]; missing: string[] }>;
}

/** The activities over a store. What they throw is an ApplicationFailure of a stop code, such as `storage_unavailable`, which alone is tried again. */
export function createArtifactActivities(deps: { store: ArtifactStore }): ArtifactActivities {
  return {
    async verifyArtifacts({ digests, as = {} }) {
      const found: ArtifactRef[] = [];
      const missing: string[] = [];
      await beating(async () => {
        for (const digest of digests) {
          const ref = await deps.store.find(digest, as[digest]).catch(storeFailure);
          const problems = ref === undefined ? [`the store does not have ${digest}`] : await deps.store.verify(digest).catch(storeFailure);
          if (ref !== undefined && problems.length === 0) found.push(ref);
          else missing.push(...problems.map((problem) => (ref === undefined ? problem : `${ref.kind} ${digest}: ${problem}`)));
        }
      });
      return { found, missing };
    },
  };
}
