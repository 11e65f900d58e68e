import type { Command } from 'commander';
import { describeRun } from '../../client/describe.js';
import type { CliContext } from '../context.js';
import { EXIT } from '../errors.js';
import { argument } from '../options.js';
import { pageWidth, printJson, printLines } from '../output.js';
import { renderStatus } from '../render/status.js';
import { withServer } from '../server.js';

export function configure(command: Command): void {
  command
    .description('show where a run stands, who is waited for and the command to type')
    .argument('<run>', 'id of the run')
    .addHelpText(
      'after',
      `
Without a worker it answers within 3 s from what the server knows by itself ("source":"visibility").

Examples:
  $ ferry status tiny-v1
  $ ferry status tiny-v1 --json | jq '.waitingOn[].commands.ferry'`,
    );
}

export async function run(context: CliContext, args: string[]): Promise<number> {
  return await withServer(context, async ({ client, ui }) => {
    const view = await describeRun({ client, run: argument(args), ui });
    if (context.json) printJson(context, view);
    else printLines(context, renderStatus(view, { width: pageWidth(context), color: context.color, now: Date.now() }));
    return EXIT.done;
  });
}
