import type { Command } from 'commander';
import * as z from 'zod';
import { lookUpArtifact } from '../../engines/config/pack-sources.js';
import type { CliContext } from '../context.js';
import { EXIT } from '../errors.js';
import { argument, parseOptions } from '../options.js';
import { printJson, printLines } from '../output.js';
import { storeOf } from '../site.js';

const Options = z.object({ verify: z.boolean().default(true) });

export function configure(command: Command): void {
  command
    .description('show an artifact of the store and hash it whole: each file that is wrong is named')
    .argument('<digest>', 'sha256:…, or its beginning as tables show it')
    .option('--no-verify', 'do not hash it')
    .addHelpText(
      'after',
      `
Exits 1 when a byte differs from what was taken in.

Examples:
  $ ferry artifact show sha256:0123…
  $ ferry artifact show sha256:0123… --no-verify --json`,
    );
}

export async function run(context: CliContext, args: string[], options: unknown): Promise<number> {
  const { verify } = parseOptions(Options, options, 'artifact show');
  const store = await storeOf(context);
  const ref = await lookUpArtifact(store, argument(args));
  const problems = verify ? await store.verify(ref.digest) : null;
  if (context.json) printJson(context, { ...ref, verified: problems === null ? null : problems.length === 0, problems: problems ?? [] });
  else
    printLines(context, [
      `${ref.kind} ${ref.digest}`,
      `  ${ref.bytes} bytes, ${ref.uri}`,
      ...Object.entries(ref.annotations ?? {}).map(([name, text]) => `  ${name}: ${text}`),
      problems === null ? '  not hashed' : problems.length === 0 ? '  whole: every byte is as it was taken in' : '  damaged:',
      ...(problems ?? []).map((problem) => `    ${problem}`),
    ]);
  return problems === null || problems.length === 0 ? EXIT.done : EXIT.negative;
}
