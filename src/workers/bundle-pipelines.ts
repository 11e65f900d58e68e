import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { bundleWorkflowCode, type Logger } from '@temporalio/worker';
import { packageFile } from '../engines/package-files.js';

/**
 * The code of a workflow sandbox with the package's own pipelines and those that a module exports, for `startWorker`.
 * Takes seconds; the same sources give the same code, so a build may keep it in a file.
 * @throws Error when the module imports what the sandbox does not have, such as Node.js's own modules.
 */
export async function bundlePipelines({ file, logger }: { file: string; logger?: Logger }): Promise<{ code: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-pipelines-'));
  try {
    // An entry of its own, so that a project's module needs to know nothing of the workflows that serve it.
    const entry = join(folder, 'workflows.mjs');
    const from = (path: string): string => `export * from ${JSON.stringify(path)};\n`;
    await writeFile(entry, from(packageFile('dist/workflows/index.js')) + from(resolve(file)));
    return await bundleWorkflowCode({
      workflowsPath: entry,
      payloadConverterPath: packageFile('dist/temporal-payloads.js'),
      preloadModules: [packageFile('dist/domain/preload.js')],
      ...(logger === undefined ? {} : { logger }),
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
