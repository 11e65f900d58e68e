import type { Command } from 'commander';
import { digestOf } from '../../domain/canonical.js';
import type { RunStatusView } from '../../domain/status.js';
import type { CliContext } from '../context.js';
import { exitCodeOf, follow } from '../follow.js';
import { argument } from '../options.js';
import { liveView } from '../live-view.js';
import { printJson } from '../output.js';
import { withServer } from '../server.js';

export function configure(command: Command): void {
  command
    .description('follow a run until it ends')
    .argument('<run>', 'id of the run')
    .addHelpText(
      'after',
      `
In a terminal the page is redrawn; otherwise one line a change, with --json one status document a line.
Exits 0 when the run completed, 1 when it failed, was rejected, cancelled or terminated. Ctrl-C only ends the watching.

Examples:
  $ ferry watch tiny-v1
  $ ferry watch tiny-v1 --json | jq -c '{state, waitingOn}'`,
    );
}

export async function run(context: CliContext, args: string[]): Promise<number> {
  return await withServer(context, async ({ client, ui }) => {
    const show = context.json ? jsonLines(context) : liveView(context);
    const last = await follow({ context, client, run: argument(args), ui, onView: (view) => show(view) });
    return exitCodeOf(last.state);
  });
}

function jsonLines(context: CliContext): (view: RunStatusView) => void {
  let before = '';
  return (view) => {
    const now = digestOf(view);
    if (now !== before) printJson(context, view);
    before = now;
  };
}
