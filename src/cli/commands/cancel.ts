import type { Command } from 'commander';
import * as z from 'zod';
import { cancelRun } from '../../client/cancel.js';
import { shellQuote } from '../../domain/text.js';
import type { CliContext } from '../context.js';
import { EXIT } from '../errors.js';
import { argument, currentUser, parseOptions } from '../options.js';
import { printJson, printLines } from '../output.js';
import { withServer } from '../server.js';

const Options = z.object({ reason: z.string().max(500, 'at most 500 characters').optional() });

export function configure(command: Command): void {
  command
    .description('end a run: its jobs get SIGTERM and their grace to save, then it closes')
    .argument('<run>', 'id of the run')
    .option('--reason <text>', 'why; stands in the history of the run')
    .addHelpText(
      'after',
      `
The request is kept by the server: without a worker it waits for one. Exits 1 when the run had ended otherwise before.

Examples:
  $ ferry cancel tiny-v1 --reason "wrong data set"`,
    );
}

export async function run(context: CliContext, args: string[], options: unknown): Promise<number> {
  const { reason } = parseOptions(Options, options, 'cancel');
  return await withServer(context, async ({ client }) => {
    const answer = await cancelRun({ client, run: argument(args), reason, identity: currentUser(context) });
    const id = shellQuote(answer.run);
    if (context.json) printJson(context, answer);
    else printLines(context, answer.requested ? [`${answer.run} is asked to end; its jobs save first`, `→ ferry watch ${id}`] : [`${answer.run} has ended already: ${answer.state}`, `→ ferry status ${id}`]);
    return answer.requested || answer.state === 'cancelled' ? EXIT.done : EXIT.negative;
  });
}
