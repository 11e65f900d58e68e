import { FAILURES, STOPS } from '../../../domain/failure.js';
import type { Gate } from '../../../domain/gate.js';
import type { Verdict } from '../../../domain/reports/verdict.js';
import type { RunStatusView } from '../../../domain/status.js';
import { jobLabel } from '../../../domain/views.js';
import type { Finding } from '../../../engines/evidence/collect.js';
import { html, type Markup, type Part } from './html.js';
import { tellsUntil, type ReportInput } from './input.js';
import { facts } from './layout.js';
import { between, digest, number, outcomeWord, percent, time, verdictBadge } from './words.js';

/** What the page is about, and what must be known before anything else on it is believed. */
export function pageHead(input: ReportInput): Markup {
  const { view, state } = input;
  const until = tellsUntil(input);
  return html`<header>
<h1>${view.model} <span class="version">${view.version}</span> <span class="badge ${view.state}">${view.state}</span></h1>
${facts([
  ['Run', html`<code>${view.run}</code>`],
  ['Run uid', html`<code>${view.runUid}</code>`],
  ['Round', view.round],
  ['Started', time(view.startedAt)],
  view.endedAt === null ? ['Looked at', time(until)] : ['Ended', time(view.endedAt)],
  [view.endedAt === null ? 'So far' : 'Took', between(view.startedAt, until)],
  ...(state === undefined ? [] : [['Asked for by', state.requesters.join(', ')] as const]),
  ...(view.resumedFrom === null ? [] : [['Takes over from', html`<code>${view.resumedFrom.run}</code>, ${view.resumedFrom.from === null ? 'what is unchanged' : `what stands before ${view.resumedFrom.from}`}`] as const]),
  ...(view.ui === null ? [] : [['Temporal UI', link(view.ui)] as const]),
])}
<p class="muted">All times are UTC.</p>
${banners(input)}${view.state !== 'completed' && failureBox(view)}${glance(input)}</header>`;
}

/** Only a web address becomes a link; anything else stays text. */
const link = (url: string): Part => (/^https?:\/\//i.test(url) ? html`<a href="${url}" rel="noreferrer">${url}</a>` : url);

function banners({ view, evidence }: ReportInput): Markup {
  const simulated = simulatedParts(view, evidence);
  const unreadable = Object.values(evidence).flatMap((finding) => (finding.state === 'unreadable' ? [finding] : []));
  return html`${simulated.length > 0 && html`<div class="banner warn" role="note"><strong>Simulated:</strong> ${simulated.join('; ')}. What these parts say of time and accuracy was not measured on the accelerator that they name.</div>`}${
    view.source === 'visibility' && html`<div class="banner warn" role="note"><strong>No worker answered.</strong> This is what the server knows by itself. The times, attempts and outputs of stages, the decisions and all evidence are not known here; make the page anew while a worker runs.</div>`
  }${unreadable.map(({ problem, digest: of }) => html`<div class="banner bad" role="note"><strong>Evidence that can’t be used:</strong> ${problem} ${digest(of)}</div>`)}`;
}

/** Everything imitated, once each: jobs by stage and backend, and what a validation says of its servers. */
export function simulatedParts({ jobs }: Pick<RunStatusView, 'jobs'>, { parity }: Pick<ReportInput['evidence'], 'parity'>): string[] {
  const ofJobs = jobs.filter((job) => job.simulated).map((job) => [jobLabel(job), job.backend] as const);
  const servers = parity.state === 'read' ? (['reference', 'candidate'] as const).map((server) => [jobLabel({ stage: 'validateOnAscend', server }), parity.value[server].backend] as const) : [];
  const backends = new Map<string, Set<string>>();
  for (const [label, backend] of [...ofJobs, ...servers.filter(([, name]) => /simulated/i.test(name))]) backends.set(label, (backends.get(label) ?? new Set()).add(backend.replace(/ \(simulated\)$/, '')));
  return [...backends].map(([label, names]) => `${label} on ${[...names].join(' and ')}`);
}

function failureBox({ failure, endedAt }: RunStatusView): Markup {
  if (failure === null) return html``;
  const meaning = failure.kind in FAILURES ? FAILURES[failure.kind as keyof typeof FAILURES].meaning : STOPS[failure.kind as keyof typeof STOPS]?.meaning;
  return html`<div class="banner bad" role="note"><strong>${endedAt === null ? 'Last failure' : 'Failure'}: ${failure.kind}</strong>${meaning !== undefined && ` (${meaning})`}<br>${failure.message}${failure.rootLine !== undefined && !failure.message.includes(failure.rootLine) && html`<br><code>${failure.rootLine}</code>`}<br><span class="muted">Who acts: ${failure.owner}; next: ${failure.nextAction}</span></div>`;
}

type Card = readonly [title: string, value: Part, note: Part];

/** The verdicts on one line: what somebody who approves looks for first. */
function glance({ view, state, evidence: { quality, audit, parity } }: ReportInput): Markup {
  const gate = Object.values(state?.gates ?? {}).find(({ kind }) => kind === 'approval');
  const cards: Card[] = [
    ...evidenceCard('Quality', quality, ({ heldOut }) => `held-out loss ${number(heldOut.loss)}`),
    ...evidenceCard('Conversion audit', audit, ({ maxRelativeError, bound }) => `largest error ${number(maxRelativeError)}, allowed ${number(bound)}`),
    ...evidenceCard('Parity', parity, ({ pair }) => `agreement ${percent(pair.agreement)}`),
    ...(gate === undefined ? [] : [approvalCard(gate)]),
    ...(view.release === null ? [] : [['Release', html`<span class="badge completed">published</span>`, html`<code>${view.release.digest.slice(0, 19)}…</code>`] as const]),
  ];
  return cards.length === 0 ? html`` : html`<div class="cards">${cards.map(([title, value, note]) => html`<div class="card"><div class="card-title">${title}</div>${value}<div class="card-note">${note}</div></div>`)}</div>`;
}

/** Evidence that can't be used has a card too: a page without one would look as if nothing were amiss. */
function evidenceCard<T extends { verdict: Verdict }>(title: string, finding: Finding<T>, note: (value: T) => string): Card[] {
  switch (finding.state) {
    case 'absent':
      return [];
    case 'unreadable':
      return [[title, html`<span class="badge fail">! not usable</span>`, 'see above']];
    case 'read':
      return [[title, verdictBadge(finding.value.verdict.value), note(finding.value)]];
  }
}

function approvalCard({ outcome, roles }: Gate): Card {
  if (outcome === undefined) return ['Approval', html`<span class="badge waiting">waiting</span>`, `for ${roles.map(({ role }) => role).join(', ')}`];
  return ['Approval', html`<span class="badge ${outcome.verdict}">${outcomeWord(outcome.verdict)}</span>`, outcome.by.length === 0 ? 'nobody decided' : `by ${outcome.by.join(', ')}, asserted`];
}
