// Bundles dist/workflows for the worker's sandbox, so that a worker starts without a bundler. How failures are converted is
// part of a bundle, so a worker that encrypts payloads has one of its own, whose failures hold their messages as payloads.
import { writeFile } from 'node:fs/promises';
import { isAbsolute, relative } from 'node:path';
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
  const bundled = withPlainMap(code);
  await writeFile(at(name), bundled);
  process.stderr.write(`${name}: ${Math.round(bundled.length / 1024)} KiB\n`);
}

/**
 * The SDK takes no bundle without its map, from which stacks have their lines. In it files go by their places in the
 * package, and without their text: the machine that built it is nobody's business, and the texts were a third of the file.
 */
function withPlainMap(text) {
  const [, head, map] = /^([\s\S]*\/\/# sourceMappingURL=data:[^,]*;base64,)([0-9A-Za-z+/=]+)\s*$/.exec(text) ?? [];
  if (map === undefined) throw new Error('the bundle of the workflows ends with no source map');
  const { sourcesContent: _, sources, ...rest } = JSON.parse(Buffer.from(map, 'base64').toString());
  const plain = { ...rest, sources: sources.map((source) => (isAbsolute(source) ? relative(at('.'), source) : source)) };
  return `${head}${Buffer.from(JSON.stringify(plain)).toString('base64')}\n`;
}
