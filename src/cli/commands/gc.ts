import type { Command } from 'commander';
import * as z from 'zod';
import { sweep } from '../../client/jobs.js';
import type { CliContext } from '../context.js';
import { EXIT } from '../errors.js';
import { parseOptions } from '../options.js';
import { pageWidth, printJson, printLines } from '../output.js';
import { listingRow } from '../render/jobs.js';
import { truncate } from '../render/layout.js';
import { renderSweep, renderSweepTrouble } from '../render/sweep.js';
import { withServer } from '../server.js';

const Options = z.object({ dryRun: z.boolean().default(false) });

export function configure(command: Command): void {
  command
    .description('end the jobs that are still alive although their run has ended')
    .option('--dry-run', 'only tell which these are')
    .addHelpText(
      'after',
      `
Workers do the same by themselves every few minutes. Jobs get SIGTERM and their grace to save.
The exit code is 1 when a job could not be ended; the next sweep tries again.

Examples:
  $ ferry gc --dry-run
  $ ferry gc --json`,
    );
}

export async function run(context: CliContext, _args: string[], options: unknown): Promise<number> {
  const { dryRun } = parseOptions(Options, options, 'gc');
  return await withServer(context, async ({ client }) => {
    const swept = await sweep({ client, dryRun, listOnly: false });
    for (const line of renderSweepTrouble(swept)) context.stderr.write(`${line}\n`);
    if (context.json) printJson(context, swept.ended.map(listingRow));
    else printLines(context, renderSweep(swept, dryRun).map((line) => truncate(line, pageWidth(context))));
    return (swept.failed ?? []).length > 0 ? EXIT.negative : EXIT.done;
  });
}
