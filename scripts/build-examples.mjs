// Bundles the programs of examples/tiny-llama, one self-contained file each: a job runs from a packed copy of the folder,
// where there are no node_modules and no TypeScript.
// usage: node scripts/build-examples.mjs [FOLDER]   (examples/tiny-llama/jobs by default)
import { stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const folder = process.argv[2] ?? at('examples/tiny-llama/jobs');
const PROGRAMS = { train: 'train/train.ts', assess: 'assess/assess.ts', serve: 'serve/serve.ts' };

for (const [name, source] of Object.entries(PROGRAMS)) {
  const file = join(folder, `${name}.mjs`);
  const bundle = await rolldown({ input: at(`examples/tiny-llama/src/${source}`), platform: 'node', external: [/^node:/], resolve: { extensionAlias: { '.js': ['.ts', '.js'] } } });
  await bundle.write({ file, format: 'esm', codeSplitting: false });
  await bundle.close();
  process.stderr.write(`${relative(at('.'), file)}: ${Math.round((await stat(file)).size / 1024)} KiB\n`);
}
