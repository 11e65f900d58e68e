// Bundles dist/cli into dist/bundle, so that a command opens a few files instead of a thousand: `ferry status` starts a
// third of a second earlier. What is loaded later (commands, the SDK's client) stays in files of its own.
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

const bundle = await rolldown({
  input: { ferry: at('dist/cli/index.js') },
  platform: 'node',
  // A worker has the SDK in node_modules once, native part and activity context included: a second copy of
  // @temporalio/activity in the bundle would have a context of its own, which no activity ever sees.
  plugins: [{ name: 'worker-apart', resolveId: (id) => (id.endsWith('/commands/worker.js') ? { id: '../cli/commands/worker.js', external: true } : null) }],
  onLog(level, log, handler) {
    // protobufjs asks for optional modules by a computed name on purpose.
    if (log.code !== 'EVAL') handler(level, log);
  },
});
await rm(at('dist/bundle'), { recursive: true, force: true });
const { output } = await bundle.write({ dir: at('dist/bundle'), format: 'esm', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' });
await bundle.close();
process.stderr.write(`dist/bundle: ${output.length} files, ${Math.round(output.reduce((sum, { code = '' }) => sum + code.length, 0) / 1024)} KiB\n`);
