import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { bundleWorkflowCode, type Logger } from '@temporalio/worker';
import { InvalidDocument } from '../engines/config/invalid-document.js';
import { packageFile } from '../engines/package-files.js';

/** Of a bundler's message: it goes on for pages with where it looked. */
const MAX_PROBLEMS = 5;

/**
 * The code of a workflow sandbox with the package's own pipelines and those that a module exports, for `startWorker`.
 * `encrypted`: for a site whose payloads are, since failures are then told in payloads too. Takes seconds; the same sources give the same code, so a build may keep it in a file.
 * @throws InvalidDocument when the module imports what the sandbox does not have, such as Node.js's own modules.
 */
export async function bundlePipelines({ file, encrypted = false }: { file: string; encrypted?: boolean }): Promise<{ code: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-pipelines-'));
  const told: string[] = [];
  try {
    // An entry of its own, so that a project's module needs to know nothing of the workflows that serve it.
    const entry = join(folder, 'workflows.mjs');
    const from = (path: string): string => `export * from ${JSON.stringify(path)};\n`;
    await writeFile(entry, from(packageFile('dist/workflows/index.js')) + from(resolve(file)));
    // Of this package, for the entry and for the project alike: two copies of the SDK would not know each other's state.
    const sdk = dirname(createRequire(packageFile('package.json')).resolve('@temporalio/workflow/package.json'));
    return await bundleWorkflowCode({
      workflowsPath: entry,
      payloadConverterPath: packageFile('dist/temporal-payloads.js'),
      ...(encrypted ? { failureConverterPath: packageFile('dist/temporal-failure-attributes.js') } : {}),
      preloadModules: [packageFile('dist/domain/preload.js')],
      logger: keepingErrors(told),
      webpackConfigHook: (config) => {
        const alias = config.resolve?.alias ?? {};
        const withSdk = Array.isArray(alias) ? [...alias, { name: '@temporalio/workflow', alias: sdk }] : { ...alias, '@temporalio/workflow': sdk };
        return { ...config, resolve: { ...config.resolve, alias: withSdk } };
      },
    });
  } catch (error) {
    const said = [...told, error instanceof Error ? error.message : String(error)].join('\n');
    const problems = [...said.matchAll(/^Module not found: (?:Error: )?(.*)$/gm)].map(([, line = '']) => line);
    const found = problems.length === 0 ? [said.trim()] : [...new Set(problems)].slice(0, MAX_PROBLEMS);
    throw new InvalidDocument(file, 'pipelines module', 'invalid', found.map((each) => ({ path: file, found: each, expected: 'code that the workflow sandbox can load', suggestion: 'move what needs Node.js into an activity or a job' })));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What a bundler says while it works is noise, unless it fails. */
function keepingErrors(told: string[]): Logger {
  const quiet = (): void => undefined;
  return { log: (level, message) => void (level === 'ERROR' && told.push(message)), trace: quiet, debug: quiet, info: quiet, warn: quiet, error: (message) => void told.push(message) };
}
