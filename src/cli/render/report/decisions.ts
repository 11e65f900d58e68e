import type { Gate } from '../../../domain/gate.js';
import type { DecisionLogEntry, RunState } from '../../../domain/run-state.js';
import { html, type Markup } from './html.js';
import type { ReportInput } from './input.js';
import { facts, table, type Section } from './layout.js';
import { digest, outcomeWord, time } from './words.js';

const ASSERTED = html`<p class="muted">Identity is asserted, not verified: a name is what whoever sent the decision gave.</p>`;

/** Who was asked, and who decided what, when and why. */
export function decisionsSection({ view, state }: ReportInput): Section {
  const title = 'Decisions';
  if (state === undefined) {
    const waits = view.waitingOn.map(({ gate, roles, commands }) => html`<p>${gate} waits for <strong>${roles.join(', ')}</strong>: <code>${commands.ferry}</code></p>`);
    return { id: 'decisions', title, filled: false, body: html`${waits}<p class="muted">Without a worker decisions are not known.</p>` };
  }
  const gates = Object.values(state.gates);
  if (gates.length === 0 && state.decisions.length === 0) return { id: 'decisions', title, filled: false, body: html`<p class="muted">Nothing to show: no gate has opened and nobody has decided.</p>` };
  return { id: 'decisions', title, filled: true, body: html`${ASSERTED}${gates.map((gate) => gateBox(gate, view))}${log(state)}` };
}

function gateBox(gate: Gate, view: ReportInput['view']): Markup {
  const { outcome, digests } = gate;
  const wait = view.waitingOn.find((w) => w.gate === gate.id);
  const verdict = outcome === undefined ? html`<span class="badge waiting">${wait === undefined ? 'not answered' : 'waiting'}</span>` : html`<span class="badge ${outcome.verdict}">${outcomeWord(outcome.verdict)}</span>`;
  return html`<div class="gate"><p><strong>${gate.id}</strong>${gate.opening > 1 && html` <span class="muted">opening ${gate.opening}</span>`} ${verdict} ${gate.question}</p>${facts([
    ['Asked', gate.roles.map(({ role, quorum }) => (quorum > 1 ? `${quorum} × ${role}` : role)).join(', ')],
    ['Opened', time(gate.openedAt)],
    outcome === undefined ? ['Deadline', time(gate.deadline)] : ['Closed', time(outcome.at)],
    ...(outcome === undefined ? [] : [['By', outcome.by.join(', ') || 'nobody'] as const, ['Reason', outcome.reason] as const]),
    ...(outcome?.to === undefined ? [] : [['Sent back to', outcome.to] as const]),
    ...(gate.excluded.length === 0 ? [] : [['May not decide', gate.excluded.join(', ')] as const]),
    ...Object.entries(digests).flatMap(([name, value]) => (value === undefined ? [] : [[`Bound to ${name}`, digest(value)] as const])),
  ])}${wait !== undefined && html`${wait.evidence.length > 0 && html`<ul>${wait.evidence.map((line) => html`<li>${line}</li>`)}</ul>`}<p class="muted">To answer it: <code class="command">${wait.commands.ferry}</code></p>`}</div>`;
}

function log(state: RunState): Markup {
  const dropped = state.decisionCount - state.decisions.length;
  const rows = state.decisions.map((entry) => [String(entry.seq), time(entry.at), entry.gate, entry.approver, roleOf(state, entry), html`<strong>${entry.verdict}</strong>`, entry.reason, entry.accepted ? 'counted' : html`<span class="bad-text">refused: ${entry.code}</span>`, entry.route]);
  if (rows.length === 0) return html`<p class="muted">Nobody has decided.</p>`;
  const caption = dropped > 0 ? `The newest ${rows.length} of ${state.decisionCount} decisions, refused ones too` : 'Every decision that was sent, refused ones too';
  return table(caption, [{ title: '#', right: true }, { title: 'When' }, { title: 'Gate' }, { title: 'Who (asserted)' }, { title: 'Role' }, { title: 'Verdict' }, { title: 'Reason', text: true }, { title: 'Answer' }, { title: 'Sent as' }], rows);
}

/** The log has no roles; a gate remembers those in which its counted decisions were taken. */
const roleOf = (state: RunState, { gate, approver, at }: DecisionLogEntry): string => state.gates[gate]?.counted.find((d) => d.approver === approver && d.at === at)?.role ?? '';
