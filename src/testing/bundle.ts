import { resolve } from 'node:path';
import { packageFile } from '../engines/package-files.js';
import type { WorkflowBundle } from './workers.js';

/** Workflow code to run or to replay. */
export interface Deployed {
  /** The module that exports pipelines of your own, compiled: `dist/pipelines.js`. It is bundled as a worker does it. */
  pipelines?: string;
  /** Workflow code that is bundled already: its path, or the code itself. Default: of `pipelines`, or the package's own. */
  bundle?: string | { code: string };
}

/** The code as a worker takes it; that of `pipelines` is bundled, which takes seconds. @throws Error of the bundler */
export async function bundleOf({ bundle, pipelines }: Deployed): Promise<WorkflowBundle> {
  if (typeof bundle === 'object') return bundle;
  if (bundle !== undefined) return { codePath: bundle };
  if (pipelines === undefined) return { codePath: packageFile('dist/workflow-bundle.js') };
  const { bundlePipelines } = await import('../workers/bundle-pipelines.js');
  return await bundlePipelines({ file: resolve(pipelines) });
}
