// Bundles the programs of examples/tiny-llama, one self-contained file each: a job runs from a packed copy of the folder,
// where there are no node_modules and no TypeScript.
import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const at = (path) => fileURLToPath(new URL(`../examples/tiny-llama/${path}`, import.meta.url));
const PROGRAMS = { train: 'src/train/train.ts', assess: 'src/assess/assess.ts', serve: 'src/serve/serve.ts' };

for (const [name, source] of Object.entries(PROGRAMS)) {
  const bundle = await rolldown({ input: at(source), platform: 'node', external: [/^node:/], resolve: { extensionAlias: { '.js': ['.ts', '.js'] } } });
  await bundle.write({ file: at(`jobs/${name}.mjs`), format: 'esm', codeSplitting: false });
  await bundle.close();
  process.stderr.write(`examples/tiny-llama/jobs/${name}.mjs: ${Math.round((await stat(at(`jobs/${name}.mjs`))).size / 1024)} KiB\n`);
}
