import type { Command } from 'commander';
import { mkdir, readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { copyTree, listTree } from '../../engines/artifacts/tree.js';
import { lookUpArtifact } from '../../engines/config/pack-sources.js';
import type { CliContext } from '../context.js';
import { EXIT, UsageError } from '../errors.js';
import { argument } from '../options.js';
import { printJson, printLines } from '../output.js';
import { storeOf } from '../site.js';

export function configure(command: Command): void {
  command
    .description('copy the files of an artifact into a folder that is empty or new')
    .argument('<digest>', 'sha256:…, or its beginning as tables show it')
    .argument('<dir>', 'where to')
    .addHelpText(
      'after',
      `
Examples:
  $ ferry artifact pull sha256:0123… ./model`,
    );
}

export async function run(context: CliContext, args: string[]): Promise<number> {
  const dir = resolve(context.cwd, argument(args, 1));
  const store = await storeOf(context);
  const { digest } = await lookUpArtifact(store, argument(args));
  const tree = await listTree(await store.open(digest));
  await mkdir(dir, { recursive: true });
  if ((await readdir(dir)).length > 0) throw new UsageError(`${dir} is not empty: files of two artifacts would be mixed`, 'Name a new folder');
  // Copies, never links: whoever changes what was pulled must not change the store.
  await copyTree(tree, dir, { writable: true });
  const bytes = tree.files.reduce((sum, file) => sum + file.bytes, 0);
  if (context.json) printJson(context, { digest, dir, files: tree.files.length, bytes });
  else printLines(context, [`${tree.files.length === 1 ? '1 file' : `${tree.files.length} files`} (${bytes} bytes) in ${dir}`]);
  return EXIT.done;
}
