import type { Command } from 'commander';
import * as z from 'zod';
import { sweep } from '../../client/jobs.js';
import type { CliContext } from '../context.js';
import { EXIT } from '../errors.js';
import { parseOptions } from '../options.js';
import { pageWidth, printJson, printLines } from '../output.js';
import { jobRows, listingRow } from '../render/jobs.js';
import { truncate } from '../render/layout.js';
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

Examples:
  $ ferry gc --dry-run
  $ ferry gc --json`,
    );
}

export async function run(context: CliContext, _args: string[], options: unknown): Promise<number> {
  const { dryRun } = parseOptions(Options, options, 'gc');
  return await withServer(context, async ({ client }) => {
    const swept = await sweep({ client, dryRun, listOnly: false });
    const ended = swept.ended.map(listingRow);
    const failed = swept.failed ?? [];
    for (const { job, reason } of failed) context.stderr.write(`not ended: ${job.key}: ${reason}\n`);
    if ((swept.damaged ?? 0) > 0) context.stderr.write(`${swept.damaged} job directories can not be read; the worker's log names them\n`);
    if (context.json) printJson(context, ended);
    else if (ended.length === 0 && failed.length > 0) printLines(context, ['No job was ended.']);
    else if (ended.length === 0) printLines(context, ['Every live job belongs to a live run.']);
    else printLines(context, [dryRun ? 'Would end:' : 'Ended:', ...jobRows(ended).map((line) => truncate(line, pageWidth(context)))]);
    return failed.length > 0 ? EXIT.negative : EXIT.done;
  });
}
