import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ArtifactStore } from '../activities/artifacts/stores/store.js';
import type { KeepOutput } from './scripted-job.js';

/** Takes scripted content into a store as the files that a job would have left. */
export function outputKeeper(store: ArtifactStore, home: string): KeepOutput {
  return async (kind, content, annotations) => {
    const folder = await mkdtemp(join(home, 'output-'));
    try {
      for (const [path, text] of Object.entries(typeof content === 'string' ? { data: content } : content)) {
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await writeFile(join(folder, path), text);
      }
      return await store.add(folder, { kind, ...(annotations === undefined ? {} : { annotations }) });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
}
