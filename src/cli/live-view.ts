import type { RunStatusView } from '../domain/status.js';
import { shellQuote } from '../domain/text.js';
import type { CliContext } from './context.js';
import { printLines } from './output.js';
import { ChangeTeller } from './render/changes.js';
import { textWidth } from './render/layout.js';
import { renderStatus } from './render/status.js';
import { withoutStyles } from './render/style.js';

/** Shows each look at a run: in a terminal a page that is drawn over, elsewhere a line a change. */
export const liveView = (context: CliContext): ((view: RunStatusView) => void) => (context.isTty ? redraw(context) : changes(context));

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
