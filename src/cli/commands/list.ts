import type { Command } from 'commander';
import * as z from 'zod';
import { listRuns, type RunListing } from '../../client/list.js';
import { formatDuration } from '../../domain/duration.js';
import { oneLine } from '../../domain/text.js';
import type { CliContext } from '../context.js';
import { EXIT } from '../errors.js';
import { count, optionOf, parseOptions } from '../options.js';
import { pageWidth, printJson, printLines } from '../output.js';
import { table, truncate } from '../render/layout.js';
import { withServer } from '../server.js';

const STATES = ['running', 'waiting', 'completed', 'failed', 'rejected', 'cancelled', 'terminated'] as const;
const Options = z.object({
  state: z.enum(STATES, `one of ${STATES.join(', ')}`).optional(),
  waiting: z.union([z.boolean(), z.string().min(1)]).optional(),
  model: z.string().min(1).optional(),
  limit: count('a number from 1 to 10000', 10_000).default(50),
});

export function configure(command: Command): void {
  command
    .description('list runs, newest first; needs no worker')
    .addOption(optionOf('--state <state>', 'only runs in this state', STATES))
    .option('--waiting [role]', 'only runs that wait for somebody, or for this role')
    .option('--model <name>', 'only runs of this model')
    .option('--limit <n>', 'at most so many', '50')
    .addHelpText(
      'after',
      `
Examples:
  $ ferry list
  $ ferry list --waiting release-manager
  $ ferry list --state failed --model tiny --json`,
    );
}

export async function run(context: CliContext, _args: string[], options: unknown): Promise<number> {
  const filters = parseOptions(Options, options, 'list');
  return await withServer(context, async ({ client, ui }) => {
    const runs = await listRuns({ client, ui, ...filters });
    if (context.json) printJson(context, runs);
    else printLines(context, runs.length === 0 ? ['No run matches. Start one with: ferry start SPEC'] : rows(runs, Date.now()).map((line) => truncate(line, pageWidth(context))));
    return EXIT.done;
  });
}

function rows(runs: readonly RunListing[], now: number): string[] {
  return table([
    ['RUN', 'MODEL', 'STATE', 'STAGE', 'AGE', 'WAITING FOR'],
    ...runs.map(({ run, model, version, state, stage, startedAt, waitingOn }) =>
      [run, `${model} ${version}`, state, stage, formatDuration(Math.max(0, now - Date.parse(startedAt))), waitingOn ?? ''].map((cell) => oneLine(cell, 200)),
    ),
  ]);
}
