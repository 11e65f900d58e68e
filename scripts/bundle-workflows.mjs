// Bundles dist/workflows for the worker's sandbox, so that a worker starts without a bundler.
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const quiet = Object.fromEntries(['trace', 'debug', 'info', 'log'].map((level) => [level, () => {}]));
const complain = (message) => process.stderr.write(`${message}\n`);
const logger = { ...quiet, warn: complain, error: complain };
const { code } = await bundleWorkflowCode({ workflowsPath: at('dist/workflows/index.js'), payloadConverterPath: at('dist/temporal-payloads.js'), preloadModules: [at('dist/domain/preload.js')], logger });
await writeFile(at('dist/workflow-bundle.js'), code);
process.stderr.write(`dist/workflow-bundle.js: ${Math.round(code.length / 1024)} KiB\n`);
