import type { DatasetCard } from '../../../domain/reports/dataset-card.js';
import { html, type Markup } from './html.js';
import type { ReportInput } from './input.js';
import { evidenceSection, facts, table, type Column, type Section } from './layout.js';
import { barCell } from './svg-chart.js';
import { count, share, size } from './words.js';

/** Sources may be one a file; the largest come first. */
const MAX_SOURCES = 15;

/** What the model was trained on: what was read, kept and dropped. */
export function dataSection({ evidence }: ReportInput): Section {
  return evidenceSection({ id: 'data', title: 'Data', finding: evidence.dataset, body: dataBody });
}

const COLUMNS: readonly Column[] = [{ title: 'Documents', right: true }, { title: 'Share', right: true }, { title: 'Size', right: true }, { title: 'Of the documents', wide: true }];

function dataBody(card: DatasetCard): Markup {
  const { read, kept, dropped, sources, splits } = card;
  const cells = (what: { documents: number; bytes: number }, of: number, name: string, label: string): (string | Markup)[] => {
    const part = share(what.documents, of);
    return [count(what.documents), part, size(what.bytes), barCell(of === 0 ? 0 : what.documents / of, { name, label: `${label}: ${part} of the documents` })];
  };
  const shown = sources.slice(0, MAX_SOURCES);
  return html`${table(
    `Of ${count(read.documents)} documents read, what was kept and what was dropped, each for its first reason`,
    [{ title: 'What' }, ...COLUMNS],
    [
      ['kept', ...cells(kept, read.documents, 'kept', 'kept')],
      ...dropped.map(({ reason, ...what }) => [html`<span class="muted">dropped:</span> ${reason}`, ...cells(what, read.documents, 'dropped', reason)]),
    ],
  )}<div class="pair">${table(
    'Splits of what was kept',
    [{ title: 'Split' }, ...COLUMNS],
    Object.entries(splits).map(([name, { documents, bytes }]) => [name, ...cells({ documents, bytes }, kept.documents, 'plain', name)]),
  )}${table(
    shown.length < sources.length ? `The ${shown.length} largest of ${count(sources.length)} sources, as found` : 'Sources, as found',
    [{ title: 'Source' }, ...COLUMNS],
    shown.map(({ name, ...what }) => [name, ...cells(what, read.documents, 'plain', name)]),
  )}</div>${facts([
    ['Split by', card.splitBy],
    ['Seed', String(card.seed)],
  ])}`;
}
