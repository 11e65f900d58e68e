import { html, type Markup } from './html.js';
import { tellsUntil, type ReportInput } from './input.js';
import { table, type Section } from './layout.js';
import { between, digest, number, size, time } from './words.js';

/** The stages with what came of them. */
export function stagesSection(input: ReportInput): Section {
  const { view } = input;
  const until = tellsUntil(input);
  const rows = view.stages.map(({ name, state, round, attempts, startedAt, endedAt, reason, figures, outputs }) => [
    name,
    html`<span class="badge ${state}">${state}</span>`,
    startedAt === null ? '' : `${attempts === 0 ? '–' : attempts}${round > 1 ? ` (round ${round})` : ''}`,
    time(startedAt),
    startedAt === null ? '' : between(startedAt, endedAt ?? until),
    html`${Object.entries(figures).map(([key, value]) => html`<span class="figure"><span class="muted">${key}</span> ${typeof value === 'number' ? number(value) : value}</span> `)}${reason !== null && html`<div class="muted">${reason}</div>`}`,
    outputsOf(outputs),
  ]);
  const columns = [{ title: 'Stage' }, { title: 'State' }, { title: 'Attempts', right: true }, { title: 'Started' }, { title: 'Took', right: true }, { title: 'Key figures and remarks', text: true }, { title: 'Outputs' }];
  return { id: 'stages', title: 'Stages', filled: true, body: table('Stages of the run in their order', columns, rows) };
}

const outputsOf = (outputs: ReportInput['view']['stages'][number]['outputs']): Markup =>
  html`${Object.entries(outputs).map(([name, ref]) => html`<div class="output"><span>${name} <span class="muted">${size(ref.bytes)}</span></span> ${digest(ref.digest)}</div>`)}`;
