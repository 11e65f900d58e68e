import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';
import { ROOT } from './sources.js';

/** The SDK's bundler tells every module; what goes wrong it throws. */
const SILENT = { log: () => {}, trace: () => {}, debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/**
 * Bundles the compiled workflows as a later version of modelferry might have them: `alter` gets the text of
 * dist/workflows/gate.js and gives that of the new one. Resolves with the bundle's path, in `folder`.
 */
export async function bundleWithGate(folder: string, alter: (gate: string) => string): Promise<string> {
  const dist = join(folder, 'dist');
  await mkdir(dist, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  for (const part of ['workflows', 'domain', 'temporal-payloads.js', 'temporal-failure.js']) await cp(join(ROOT, 'dist', part), join(dist, part), { recursive: true });
  const gate = join(dist, 'workflows/gate.js');
  const before = await readFile(gate, 'utf8');
  const after = alter(before);
  if (after === before) throw new Error('the gate is as it was: what was to be replaced is not there');
  await writeFile(gate, after);
  const { code } = await bundleWorkflowCode({ workflowsPath: join(dist, 'workflows/index.js'), payloadConverterPath: join(dist, 'temporal-payloads.js'), preloadModules: [join(dist, 'domain/preload.js')], logger: SILENT });
  const path = join(folder, 'workflow-bundle.js');
  await writeFile(path, code);
  return path;
}
