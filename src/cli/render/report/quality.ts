import type { QualityReport } from '../../../domain/reports/quality-report.js';
import { html, type Markup } from './html.js';
import type { ReportInput } from './input.js';
import { evidenceSection, facts, table, verdictLine, type Section } from './layout.js';
import { barCell } from './svg-chart.js';
import { count, number } from './words.js';

const MAX_ITEMS = 40;

/** The checkpoint against the bar that was declared for it. */
export function qualitySection({ evidence }: ReportInput): Section {
  return evidenceSection({ id: 'quality', title: 'Quality', finding: evidence.quality, body: qualityBody });
}

function qualityBody({ verdict, heldOut, items, bar }: QualityReport): Markup {
  // Where there are many, those that decide are the weakest.
  const shown = items.length <= MAX_ITEMS ? items : items.toSorted((a, b) => a.score - b.score).slice(0, MAX_ITEMS);
  const bounds = new Map(Object.entries(bar));
  const ofItem = (name: string): number | undefined => bounds.get(name);
  const rows = shown.map(({ name, score, of, detail }) => {
    const bound = ofItem(name);
    return [
      html`${name}${detail !== undefined && html`<div class="muted">${detail}</div>`}`,
      number(score),
      bound === undefined ? '' : number(bound),
      count(of),
      barCell(score, { name: bound !== undefined && score < bound ? 'below' : 'plain', label: `${name}: ${number(score)}${bound === undefined ? '' : `, the bar is ${number(bound)}`}`, bound }),
    ];
  });
  return html`${verdictLine(verdict)}${facts([
    ['Held-out loss', `${number(heldOut.loss)} nats a token, over ${count(heldOut.tokens)} tokens`],
    ...[...bounds].filter(([name]) => !items.some((item) => item.name === name)).map(([name, value]) => [`Bar: ${name}`, number(value)] as const),
  ])}${
    items.length > 0 &&
    table(
      shown.length < items.length ? `The ${MAX_ITEMS} weakest of ${count(items.length)} scored items; scores from 0 to 1` : 'Scored items; scores from 0 to 1',
      [{ title: 'Item' }, { title: 'Score', right: true }, { title: 'Bar', right: true }, { title: 'Samples', right: true }, { title: 'Score, with the bar as a line', wide: true }],
      rows,
    )
  }`;
}
