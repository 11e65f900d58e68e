import type { Finding } from '../../../engines/evidence/collect.js';
import type { Verdict } from '../../../domain/reports/verdict.js';
import { html, type Markup, type Part } from './html.js';
import { digest, verdictBadge } from './words.js';

export interface Section {
  id: string;
  title: string;
  body: Markup;
  /** Whether there was something to show; what is missing gets one line. */
  filled: boolean;
}

export interface Column {
  title: string;
  /** Numbers stand to the right. */
  right?: boolean;
  /** Takes the room that the others leave, as bars do. */
  wide?: boolean;
  /** Sentences: never squeezed to a word a line. */
  text?: boolean;
}

/** A table whose columns have heads; on a narrow screen it scrolls by itself. The first cell of a row is its head. */
export function table(caption: string, columns: readonly Column[], rows: readonly (readonly Part[])[]): Markup {
  const of = (i: number): string => [columns[i]?.right === true ? 'right' : '', columns[i]?.wide === true ? 'wide' : '', columns[i]?.text === true ? 'text' : ''].filter(Boolean).join(' ');
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table><caption>${caption}</caption><thead><tr>${columns.map(({ title }, i) => html`<th scope="col" class="${of(i)}">${title}</th>`)}</tr></thead><tbody>${rows.map(
    (row) => html`<tr>${row.map((cell, i) => (i === 0 ? html`<th scope="row" class="${of(i)}">${cell}</th>` : html`<td class="${of(i)}">${cell}</td>`))}</tr>`,
  )}</tbody></table></div>`;
}

/** Names with what belongs to them. */
export const facts = (pairs: readonly (readonly [string, Part])[]): Markup => html`<dl class="facts">${pairs.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;

export const figure = (caption: Part, body: Markup): Markup => html`<figure>${body}<figcaption>${caption}</figcaption></figure>`;

/** A verdict with what it rests on. */
export const verdictLine = ({ value, reasons }: Verdict): Markup => html`<div class="verdict">${verdictBadge(value)}<ul>${reasons.map((reason) => html`<li>${reason}</li>`)}</ul></div>`;

/** The section of a piece of evidence: its content, or one line on why there is none. */
export function evidenceSection<T>({ id, title, finding, body }: { id: string; title: string; finding: Finding<T>; body: (value: T) => Markup }): Section {
  switch (finding.state) {
    case 'absent':
      return { id, title, filled: false, body: html`<p class="muted">Nothing to show: ${finding.why}.</p>` };
    case 'unreadable':
      return { id, title, filled: false, body: html`<p class="problem"><strong>Not shown:</strong> ${finding.problem}</p>${source(finding)}` };
    case 'read':
      return { id, title, filled: true, body: html`${finding.caveat !== undefined && html`<p class="problem">${finding.caveat}</p>`}${body(finding.value)}${source(finding)}` };
  }
}

const source = ({ file, digest: of }: { file: string; digest: string }): Markup => html`<div class="source">From <code>${file}</code> of ${digest(of)}</div>`;
