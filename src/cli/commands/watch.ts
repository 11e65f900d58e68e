import type { Command } from 'commander';
import { digestOf } from '../../domain/canonical.js';
import type { RunStatusView } from '../../domain/status.js';
import { shellQuote } from '../../domain/text.js';
import type { CliContext } from '../context.js';
import { exitCodeOf, follow } from '../follow.js';
import { argument } from '../options.js';
import { printJson, printLines } from '../output.js';
import { ChangeTeller } from '../render/changes.js';
import { textWidth } from '../render/layout.js';
import { renderStatus } from '../render/status.js';
import { withoutStyles } from '../render/style.js';
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

/** Draws over what it drew before: at most a screenful, since the cursor cannot go up to what has scrolled away. */
function redraw(context: CliContext): (view: RunStatusView) => void {
  const { stdout, columns, rows, color } = context;
  const height = (line: string): number => Math.max(1, Math.ceil(textWidth(withoutStyles(line)) / columns));
  let drawn = 0;
  return (view) => {
    const shown: string[] = [];
    let used = 0;
    for (const line of renderStatus(view, { width: columns - 1, color, now: Date.now(), watched: true })) {
      if (used + height(line) > rows - 1) {
        shown[shown.length - 1] = `… ferry status ${shellQuote(view.run)} shows the rest`;
        break;
      }
      shown.push(line);
      used += height(line);
    }
    const up = drawn === 0 ? '' : `\u001b[${drawn}A\u001b[J`;
    stdout.write(`${up}${shown.join('\n')}\n`);
    drawn = shown.reduce((sum, line) => sum + height(line), 0);
  };
}
