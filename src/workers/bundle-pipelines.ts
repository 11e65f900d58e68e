import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { bundleWorkflowCode, type Logger, type WorkerOptions } from '@temporalio/worker';
import type { Problem } from '../domain/problems.js';
import { InvalidDocument } from '../engines/config/invalid-document.js';
import { PIPELINES_MODULE } from '../engines/config/load-pipelines.js';
import { packageFile } from '../engines/package-files.js';

type WebpackConfig = Parameters<NonNullable<NonNullable<WorkerOptions['bundlerOptions']>['webpackConfigHook']>>[0];

/** The rest would be found again once these are mended. */
const MAX_PROBLEMS = 5;

/**
 * The code of a workflow sandbox with the package's own pipelines and those that a module exports, for `startWorker`.
 * `encrypted`: for a site whose payloads are, since failures are then told in payloads too. Takes seconds; the same sources give the same code, so a build may keep it in a file.
 * @throws InvalidDocument when the module imports what the sandbox does not have, such as Node.js's own modules.
 */
export async function bundlePipelines({ file, encrypted = false }: { file: string; encrypted?: boolean }): Promise<{ code: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-pipelines-'));
  const told: string[] = [];
  const imports: Imports = { files: new Map(), from: new Map() };
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
      webpackConfigHook: (config) => ({
        ...config,
        // The SDK writes its own aliases as an object.
        resolve: { ...config.resolve, alias: { ...(config.resolve?.alias as Record<string, string>), '@temporalio/workflow': sdk } },
        plugins: [...(config.plugins ?? []), noting(imports)],
      }),
    });
  } catch (error) {
    const said = [...told, error instanceof Error ? error.message : String(error)].join('\n');
    const problems = problemsIn(said, imports, dirname(resolve(file)));
    if (problems.length === 0) throw new Error(`${file} cannot be bundled for the workflow sandbox: ${/^ERROR in .*\n.*/m.exec(said)?.[0] ?? said.trim()}`, { cause: error });
    throw new InvalidDocument(file, PIPELINES_MODULE, 'invalid', problems);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What a bundler says while it works is noise, unless it fails. */
function keepingErrors(told: string[]): Logger {
  const quiet = (): void => undefined;
  return { log: (level, message) => void (level === 'ERROR' && told.push(message)), trace: quiet, debug: quiet, info: quiet, warn: quiet, error: (message) => void told.push(message) };
}

/** Who imports what, the first of each: the bundler's own messages name the module alone. */
interface Imports {
  /** By what stands in the import: the file that has it. */
  files: Map<string, string>;
  /** By file: what stands in the import of it, and the file that has it. */
  from: Map<string, { request: string; file: string }>;
}

const noting =
  ({ files, from }: Imports): NonNullable<WebpackConfig['plugins']>[number] =>
  (compiler) => {
    compiler.hooks.normalModuleFactory.tap('ferry', (factory) => {
      factory.hooks.beforeResolve.tap('ferry', ({ request, contextInfo }) => {
        if (!files.has(request)) files.set(request, contextInfo.issuer);
      });
      factory.hooks.afterResolve.tap('ferry', ({ request, contextInfo, createData }) => {
        const file = createData.resource;
        if (file !== undefined && !from.has(file)) from.set(file, { request, file: contextInfo.issuer });
      });
    });
  };

/** The project's own import by which a module comes in: of the module itself, or of a package that needs it. */
function ownImport(module: string, { files, from }: Imports): { request: string; file: string } {
  let found = { request: module, file: files.get(module) ?? '' };
  for (let up = from.get(found.file); isInstalled(found.file) && up !== undefined; up = from.get(found.file)) found = up;
  return found;
}

const isInstalled = (file: string): boolean => file.split(/[\\/]/).includes('node_modules');

/** The imports that a bundler stumbled on, from its messages, each with the file that has it. */
function problemsIn(said: string, imports: Imports, folder: string): Problem[] {
  const barred = [...said.matchAll(/^ {2}- '([^']+)'$/gm), ...said.matchAll(/Reading from "([^"]+)" is not handled/g)].map(([, module = '']) => module);
  const missing = [...said.matchAll(/Can't resolve '([^']+)'/g)].map(([, module = '']) => module);
  const needs = new Map<string, string[]>();
  for (const module of new Set([...missing, ...barred])) {
    const { request, file } = ownImport(module, imports);
    const key = JSON.stringify([relative(folder, file), request]);
    needs.set(key, [...(needs.get(key) ?? []), module]);
  }
  return [...needs].slice(0, MAX_PROBLEMS).map(([key, modules]) => {
    const [path = '', request = ''] = JSON.parse(key) as string[];
    const found = `an import of ${request}${modules.includes(request) ? '' : `, which needs ${modules.join(', ')}`}`;
    if (modules.every((module) => missing.includes(module))) return { path, found, expected: 'a module that is installed or built' };
    return { path, found, expected: 'what the workflow sandbox has: no module of Node.js, no client, no network', suggestion: 'do it in a job or in an activity; types come with import type' };
  });
}
