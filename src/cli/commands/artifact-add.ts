import type { Command } from 'commander';
import { resolve } from 'node:path';
import * as z from 'zod';
import { ArtifactKind } from '../../domain/artifact.js';
import type { CliContext } from '../context.js';
import { EXIT } from '../errors.js';
import { argument, collect, parseOptions, parsePairs } from '../options.js';
import { printJson, printLines } from '../output.js';
import { storeOf } from '../site.js';

const Options = z.object({ kind: ArtifactKind, annotate: z.array(z.string()) });

export function configure(command: Command): void {
  command
    .description('take a copy of a file or folder into the store; the same content has the same digest')
    .argument('<path>', 'file or folder')
    .requiredOption('--kind <kind>', 'what it is, such as dataset, checkpoint or model')
    .option('--annotate <name=text>', 'a remark that goes with it; may be repeated', collect, [])
    .addHelpText(
      'after',
      `
Examples:
  $ ferry artifact add ./corpus --kind dataset
  $ ferry artifact add step-1000.safetensors --kind checkpoint --annotate framework=torch --json`,
    );
}

export async function run(context: CliContext, args: string[], options: unknown): Promise<number> {
  const { kind, annotate } = parseOptions(Options, options, 'artifact add');
  const annotations = Object.fromEntries(Object.entries(parsePairs(annotate, '--annotate')).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]));
  const store = await storeOf(context);
  const ref = await store.add(resolve(context.cwd, argument(args)), { kind, ...(annotate.length === 0 ? {} : { annotations }) });
  if (context.json) printJson(context, ref);
  else printLines(context, [`${ref.kind} ${ref.digest} (${ref.bytes} bytes) is in ${store.root}`, `→ in a spec: inputs: {${ref.kind}: {artifact: "${ref.digest}"}}`]);
  return EXIT.done;
}
