// Bundles dist/workflows for the worker's sandbox, so that a worker starts without a bundler. How failures are converted is
// part of a bundle, so a worker that encrypts payloads has one of its own, whose failures hold their messages as payloads.
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const quiet = Object.fromEntries(['trace', 'debug', 'info', 'log'].map((level) => [level, () => {}]));
const complain = (message) => process.stderr.write(`${message}\n`);
const logger = { ...quiet, warn: complain, error: complain };
const common = { workflowsPath: at('dist/workflows/index.js'), payloadConverterPath: at('dist/temporal-payloads.js'), preloadModules: [at('dist/domain/preload.js')], logger };
// The plain one last: tests take its age for that of the build.
const bundles = [
  { name: 'dist/workflow-bundle-encrypted.js', options: { failureConverterPath: at('dist/temporal-failure-attributes.js') } },
  { name: 'dist/workflow-bundle.js', options: {} },
];
for (const { name, options } of bundles) {
  const { code } = await bundleWorkflowCode({ ...common, ...options });
  await writeFile(at(name), code);
  process.stderr.write(`${name}: ${Math.round(code.length / 1024)} KiB\n`);
}
