import type { Gate, GateRole } from './gate.js';
import { isLive, openGates, type JobRecord, type RunState, type StageState } from './run-state.js';
import { escapeMarkdown, shellQuote } from './text.js';

/** The search attributes of a run, by name: what a list of runs shows with no worker running. */
export const SEARCH_ATTRIBUTES = {
  FerryStage: 'KEYWORD',
  FerryWaitingOn: 'KEYWORD',
  FerryBackend: 'KEYWORD',
  FerryModel: 'KEYWORD',
  FerryVersion: 'KEYWORD',
  FerryVerdict: 'KEYWORD',
  FerryTargetDate: 'DATETIME',
} as const;

export type AttributeView = Partial<Record<Exclude<keyof typeof SEARCH_ATTRIBUTES, 'FerryTargetDate' | 'FerryModel' | 'FerryVersion'>, string>>;

/** The stage that a run is at: the first that is neither done nor skipped. */
export const currentStage = (state: RunState): StageState | undefined =>
  state.order.map((name) => state.stages[name]).find((stage) => stage !== undefined && stage.state !== 'done' && stage.state !== 'skipped');

export const liveJob = (state: RunState): JobRecord | undefined => state.jobs.find(isLive);

/** `nvidia`, or `ascend (simulated)`: an imitated backend never shows as the real one. */
export const backendLabel = (job: { backend: string; simulated: boolean }): string => (job.simulated ? `${job.backend} (simulated)` : job.backend);

/** `approval approve: release-manager`: kind, gate and roles of what a run waits for; the client reads it back. */
export const waitingLabel = (gate: Gate): string => `${gate.kind} ${gate.id}: ${gate.roles.map((r) => r.role).join(', ')}`;

/** The current value of each changing search attribute. An empty text stands for none, since a keyword can't be unset in a list. */
export function attributesOf(state: RunState): AttributeView {
  const gate = openGates(state)[0];
  const ended = state.status !== 'running';
  const job = liveJob(state) ?? state.jobs.at(-1);
  const approval = Object.values(state.gates).find((g) => g.kind === 'approval');
  // Sending a run back voids its approval, which must not stand in the list any longer.
  const verdict = approval?.round === state.round ? approval.outcome?.verdict : approval === undefined ? undefined : '';
  return {
    FerryStage: ended ? state.status : (currentStage(state)?.name ?? 'finishing'),
    FerryWaitingOn: gate === undefined || ended ? '' : waitingLabel(gate),
    ...(job === undefined ? {} : { FerryBackend: backendLabel(job) }),
    ...(verdict === undefined ? {} : { FerryVerdict: verdict }),
  };
}

/** The commands that answer a gate, as a person would type them: with `ferry`, and with Temporal's own tool. */
export function commandsFor(run: string, gate: Pick<Gate, 'id' | 'kind' | 'roles'>): { ferry: string; temporal: string } {
  const id = shellQuote(run);
  if (gate.kind === 'approval') {
    const who = suggestedMember(gate.roles[0]);
    const payload = JSON.stringify({ gate: gate.id, approver: who, reason: 'REASON' });
    return {
      ferry: `ferry approve ${id} --gate ${gate.id} --as ${who} --reason REASON`,
      temporal: `temporal workflow signal --workflow-id ${id} --name approve --input ${shellQuote(payload)}`,
    };
  }
  const payload = JSON.stringify({ gate: gate.id, verdict: 'retry', approver: 'NAME', reason: 'REASON' });
  return {
    ferry: `ferry retry ${id} --gate ${gate.id} --reason REASON`,
    temporal: `temporal workflow update execute --workflow-id ${id} --name decide --input ${shellQuote(payload)}`,
  };
}

const suggestedMember = (role: GateRole | undefined): string => (role?.members?.length === 1 ? (role.members[0] ?? 'NAME') : 'NAME');

const MARKS: Record<StageState['state'], string> = { pending: '·', running: '▶', waiting: '⏸', done: '✓', skipped: '–', failed: '✗' };

/** One line for lists and summaries: what the run does, or whom it waits for. */
export function headline(state: RunState): string {
  const gate = openGates(state)[0];
  if (state.status !== 'running') return `${state.status}${state.release === undefined ? '' : `: ${state.release.ref}`}`;
  if (gate !== undefined) return `waiting for ${rolesText(gate)} at ${gate.id}`;
  const job = liveJob(state);
  const stage = currentStage(state)?.name ?? 'finishing';
  return job === undefined ? stage : `${stage} on ${backendLabel(job)}, attempt ${job.attempt}`;
}

const rolesText = (gate: Gate): string => gate.roles.map((r) => `${r.quorum > 1 ? `${r.quorum} × ` : ''}${r.role}`).join(' and ');

/** The run's page in the Temporal UI, as Markdown. Texts from people and logs are escaped. */
export function detailsOf(state: RunState): string {
  const md = (text: string, max = 300): string => escapeMarkdown(text, max);
  const lines = [`**${md(state.model)} ${md(state.version)}**: ${md(headline(state))}${state.round > 1 ? ` (round ${state.round})` : ''}`, ''];
  for (const gate of openGates(state)) {
    const commands = commandsFor(state.run, gate);
    lines.push(
      `### Waiting for ${md(rolesText(gate))}`,
      '',
      md(gate.question),
      '',
      ...gate.evidence.slice(0, 10).map((line) => `- ${md(line)}`),
      `- identity: ${gate.identity} (not verified)`,
      `- until ${gate.deadline}, then: ${gate.onExpiry}`,
      '',
      '```',
      commands.ferry,
      commands.temporal,
      '```',
      '',
    );
  }
  lines.push('| | stage | attempts | note |', '| --- | --- | --- | --- |');
  for (const name of state.order) {
    const stage = state.stages[name];
    if (stage === undefined) continue;
    const job = state.jobs.findLast((j) => j.stage === name && j.round === stage.round);
    const on = job === undefined ? '' : `${backendLabel(job)} on ${job.executor}. `;
    lines.push(`| ${MARKS[stage.state]} | ${name} | ${stage.attempts === 0 ? '' : stage.attempts} | ${md(on + (stage.reason ?? ''), 200)} |`);
  }
  if (state.failure !== undefined) lines.push('', `Last failure: \`${state.failure.kind}\` ${md(state.failure.message, 400)}`);
  for (const n of state.notes.slice(-5)) lines.push('', `${n.at} ${md(n.stage)}: ${md(n.text, 400)}`);
  return lines.join('\n');
}
