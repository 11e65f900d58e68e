import type { Command } from 'commander';
import * as z from 'zod';
import { oneLine } from '../../domain/text.js';
import { formatRef } from '../../engines/oci/release-ref.js';
import { verifyRelease } from '../../engines/oci/verify-release.js';
import type { CliContext } from '../context.js';
import { EXIT } from '../errors.js';
import { parseOptions } from '../options.js';
import { printJson, printLines } from '../output.js';
import { UNSIGNED, releaseOf } from '../release.js';

const Options = z.object({ run: z.string().min(1).optional() });

export function configure(command: Command): void {
  command
    .description('hash a release whole, and check that model, evidence and record are of one another')
    .argument('[ref]', 'MODEL:VERSION of this site, or oci:PATH:VERSION; with @sha256:… it must have this digest')
    .option('--run <run>', 'what this run released')
    .addHelpText(
      'after',
      `
Exits 1 and names what is wrong. It proves that the release is whole and belongs together, not that the people in
its record approved it: approvals are asserted, and signatures are still to come.

Examples:
  $ ferry release verify tiny:1
  $ ferry release verify oci:/data/ferry/releases/tiny:1@sha256:0123…
  $ ferry release verify --run tiny-v1 --json`,
    );
}

export async function run(context: CliContext, [typed]: string[], options: unknown): Promise<number> {
  const ref = await releaseOf(context, typed, parseOptions(Options, options, 'release verify').run, 'release verify');
  const { release, problems, blobs, bytes } = await verifyRelease(ref);
  const [first, ...more] = problems;
  const shown = release?.ref ?? formatRef(ref);
  if (context.json) printJson(context, { ref: shown, digest: release?.digest ?? null, ok: first === undefined, problems, blobs, bytes, identity: 'asserted', signed: false });
  else
    printLines(
      context,
      first === undefined
        ? [shown, `  whole: ${blobs} blobs, ${bytes} bytes, each hashes to its name`, '  complete: its evidence and its record are about this model', `→ ${UNSIGNED}`]
        : [`${shown} is not what it should be:`, ...[first, ...more.slice(0, 19)].map((problem) => `  ${oneLine(problem, 1000)}`), ...(more.length > 19 ? [`  and ${more.length - 19} more`] : []), `→ ${UNSIGNED}`],
    );
  return first === undefined ? EXIT.done : EXIT.negative;
}
