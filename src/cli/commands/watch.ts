import type { Command } from 'commander';
import { digestOf } from '../../domain/canonical.js';
import type { RunStatusView } from '../../domain/status.js';
import type { CliContext } from '../context.js';
import { exitCodeOf, follow } from '../follow.js';
import { argument } from '../options.js';
import { printJson, printLines } from '../output.js';
import { ChangeTeller } from '../render/changes.js';
import { renderStatus } from '../render/status.js';
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
    const show = context.json ? jsonLines(context) : context.isTty ? redraw(context) : changes(context);
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

function changes(context: CliContext): (view: RunStatusView) => void {
  const teller = new ChangeTeller();
  return (view) => printLines(context, teller.tell(view, Date.now()));
}

/** Draws over what it drew before. Lines that fill the terminal's width would wrap and spoil the count. */
function redraw(context: CliContext): (view: RunStatusView) => void {
  let drawn = 0;
  return (view) => {
    const lines = renderStatus(view, { width: context.columns - 1, color: context.color, now: Date.now() });
    const rows = lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(visibleLength(line) / context.columns)), 0);
    const up = drawn === 0 ? '' : `\u001b[${drawn}A\u001b[J`;
    context.stdout.write(`${up}${lines.join('\n')}\n`);
    drawn = rows;
  };
}

// eslint-disable-next-line no-control-regex -- our own styles
const visibleLength = (line: string): number => line.replace(/\u001b\[\d+m/g, '').length;
