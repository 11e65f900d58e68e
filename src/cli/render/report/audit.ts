import type { AuditReport } from '../../../domain/reports/audit-report.js';
import { html, type Markup } from './html.js';
import type { ReportInput } from './input.js';
import { evidenceSection, facts, table, verdictLine, type Section } from './layout.js';
import { barCell } from './svg-chart.js';
import { count, number, size } from './words.js';

/** The converted model against its source. */
export function auditSection({ evidence }: ReportInput): Section {
  return evidenceSection({ id: 'audit', title: 'Conversion audit', finding: evidence.audit, body: auditBody });
}

function auditBody(report: AuditReport): Markup {
  const { verdict, source, target, dtypes, values, maxRelativeError, bound, worst, carried, problems } = report;
  const side = (name: string, { files, tensors, bytes }: AuditReport['source']): string[] => [name, count(files), count(tensors), size(bytes)];
  const right = { right: true } as const;
  const ofBound = (error: number): number => (bound > 0 ? error / bound : error > 0 ? 1 : 0);
  const differing = carried.filter(({ identical }) => !identical).length;
  return html`${verdictLine(verdict)}${facts([
    ['Values compared', count(values.compared)],
    ['Not a number', count(values.nan)],
    ['Infinite', count(values.infinite)],
    ['Overflowed', count(values.overflowed)],
    ['Largest relative error', number(maxRelativeError)],
    ['Bound', number(bound)],
    ['Carried files', `${count(carried.length)}, ${differing === 0 ? 'all identical' : `${count(differing)} differ`}`],
  ])}<div class="pair">${table('Both checkpoints', [{ title: 'Side' }, { title: 'Files', ...right }, { title: 'Tensors', ...right }, { title: 'Size', ...right }], [side('source', source), side('converted', target)])}${table(
    'Number formats',
    [{ title: 'From' }, { title: 'To' }, { title: 'Tensors', ...right }],
    dtypes.map(({ from, to, tensors }) => [from, to, count(tensors)]),
  )}</div>${
    worst.length > 0 &&
    table(
      'Tensors with the largest errors; the bar is full at the bound',
      [{ title: 'Tensor' }, { title: 'Relative', ...right }, { title: 'Absolute', ...right }, { title: 'Relative error against the bound', wide: true }],
      worst.map((w) => [html`<code>${w.tensor}</code>`, number(w.maxRelativeError), number(w.maxAbsoluteError), barCell(ofBound(w.maxRelativeError), { name: w.maxRelativeError > bound ? 'below' : 'plain', label: `${w.tensor}: ${number(w.maxRelativeError)} of ${number(bound)} allowed` })]),
    )
  }${names('Missing in the converted model', report.missing)}${names('Only in the converted model', report.unexpected)}${names('In more than one shard', report.duplicated)}${
    carried.length > 0 &&
    html`<details${differing > 0 ? html` open` : html``}><summary>Files that travel along (${count(carried.length)})</summary><ul class="names">${carried.map(({ file, identical }) => html`<li><code>${file}</code> ${identical ? html`<span class="muted">identical</span>` : html`<strong class="bad-text">differs</strong>`}</li>`)}</ul></details>`
  }${
    report.left.length > 0 && html`<details><summary>Files that were left behind (${count(report.left.length)})</summary><ul class="names">${report.left.map((file) => html`<li><code>${file}</code></li>`)}</ul></details>`
  }${problems.length > 0 && html`<p class="problem"><strong>Problems:</strong></p><ul>${problems.map((problem) => html`<li>${problem}</li>`)}</ul>`}`;
}

const names = (title: string, tensors: readonly string[]): Markup => (tensors.length === 0 ? html`` : html`<p class="problem"><strong>${title}</strong> (${count(tensors.length)}):</p><ul class="names">${tensors.map((tensor) => html`<li><code>${tensor}</code></li>`)}</ul>`);
