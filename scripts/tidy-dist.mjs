// Removes from dist what was compiled from a source that is gone: it would be packed, and a test could still load it.
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

for (const name of readdirSync(at('dist'), { recursive: true })) {
  const file = join(at('dist'), name);
  // The bundles are written whole by their own scripts.
  if (name.startsWith('bundle') || /^workflow-bundle(?:-encrypted)?\.js$/.test(name) || !statSync(file).isFile()) continue;
  if (existsSync(join(at('src'), name.replace(/(?:\.d\.ts|\.js)$/, '.ts')))) continue;
  rmSync(file);
  process.stderr.write(`removed ${relative(at('.'), file)}: its source is gone\n`);
}
