import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Why the compiled package can't be tested: it is missing, or older than its sources. */
export function whyNotBuilt(root: string): string | undefined {
  const bundle = statSync(join(root, 'dist/workflow-bundle.js'), { throwIfNoEntry: false });
  if (bundle === undefined) return 'dist/workflow-bundle.js is missing: run npm run build first';
  const newer = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith('.ts') && statSync(join(root, 'src', name)).mtimeMs > bundle.mtimeMs);
  return newer === undefined ? undefined : `dist/workflow-bundle.js is older than src/${newer}: run npm run build first`;
}

/** Workers and jobs run as compiled code: without this a test could pass on yesterday's. */
export default function setup(): void {
  const reason = whyNotBuilt(ROOT);
  if (reason !== undefined) throw new Error(reason);
}
