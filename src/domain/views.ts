import { bytesOf } from './bounds.js';
import { quorumOf, type Gate, type GateRole } from './gate.js';
import { isLive, isOfThisRound, openGates, type JobRecord, type RunState, type StageState } from './run-state.js';
import { escapeMarkdown, oneLine, shellQuote } from './text.js';

/** The search attributes of a run and their types, both wire names: what a list of runs shows with no worker running. */
export const SEARCH_ATTRIBUTES = {
  FerryStage: 'Keyword',
  FerryWaitingOn: 'Keyword',
  FerryBackend: 'Keyword',
  FerryModel: 'Keyword',
  FerryVersion: 'Keyword',
  FerryVerdict: 'Keyword',
  FerryTargetDate: 'Datetime',
} as const;

export type AttributeView = Partial<Record<Exclude<keyof typeof SEARCH_ATTRIBUTES, 'FerryTargetDate' | 'FerryModel' | 'FerryVersion'>, string>>;

/** The stage that a run is at: the first that goes on or waits, else the first that is neither done nor skipped. */
export function currentStage(state: RunState): StageState | undefined {
  const stages = state.order.flatMap((name) => state.stages[name] ?? []);
  return stages.find((stage) => stage.state === 'running' || stage.state === 'waiting') ?? stages.find((stage) => stage.state !== 'done' && stage.state !== 'skipped');
}

/** What stands for the work that goes on: of a job and its servers the candidate, since that is what the stage is about. */
export const liveJob = (state: RunState): JobRecord | undefined => state.jobs.find((job) => isLive(job) && job.server === 'candidate') ?? state.jobs.find(isLive);

/** `validateOnAscend`, or `validateOnAscend candidate` for a server of the stage. */
export const jobLabel = ({ stage, server }: { stage: string; server?: string | null }): string => (server == null ? stage : `${stage} ${server}`);

/** `nvidia`, or `ascend (simulated)`: an imitated backend never shows as the real one. */
export const backendLabel = (job: { backend: string; simulated: boolean }): string => (job.simulated ? `${job.backend} (simulated)` : job.backend);

/** Where visibility is a SQL database, a longer keyword makes the server drop the whole entry. */
const MAX_KEYWORD = 255;

/** `approval approve: release-manager`: kind, gate and roles of what a run waits for; the client reads it back. */
export const waitingLabel = (gate: Gate): string => {
  const roles = gate.roles.map((r) => r.role);
  const label = (shown: number): string => `${gate.kind} ${gate.id}: ${[...roles.slice(0, shown), ...(shown < roles.length ? [`${roles.length - shown} more`] : [])].join(', ')}`;
  let shown = roles.length;
  while (shown > 1 && label(shown).length > MAX_KEYWORD) shown -= 1;
  return label(shown);
};

/** The current value of each changing search attribute. An empty text stands for none, since a keyword can't be unset in a list. */
export function attributesOf(state: RunState): AttributeView {
  const gate = openGates(state)[0];
  const ended = state.status !== 'running';
  const job = liveJob(state) ?? state.jobs.at(-1);
  const approval = Object.values(state.gates).find((g) => g.kind === 'approval');
  // Sending a run back voids its approval and what was validated: neither may stand in the list any longer.
  const isVoid = approval !== undefined && !isOfThisRound(state, approval);
  const decided = isVoid ? undefined : approval?.outcome?.verdict;
  const found = state.jobs.filter((j) => j.stage === 'validateOnAscend' && j.state === 'done' && j.progress?.verdict !== undefined);
  const validated = found.findLast((j) => j.round === state.stages[j.stage]?.round)?.progress?.verdict?.value;
  const verdict = decided ?? validated ?? (isVoid || found.length > 0 ? '' : undefined);
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

/** The server refuses a summary above 400 bytes, and with it every try of the workflow task that wrote it. */
const MAX_SUMMARY_BYTES = 390;

/** A text for the timer or activity that it explains, on one line and short enough for the server. */
export function summaryText(text: string): string {
  let line = oneLine(text, MAX_SUMMARY_BYTES);
  // Characters of several bytes, and quotes, which are escaped on the wire.
  while (bytesOf(line) > MAX_SUMMARY_BYTES) line = oneLine(line, Math.floor(line.length * 0.8));
  return line;
}

/** What the timer of an open gate says in the Temporal UI, where it is read with no worker running: the command stays whole. */
export function gateSummary(state: RunState, gate: Gate): string {
  const { ferry } = commandsFor(state.run, gate);
  const job = newestJob(state, gate.stage);
  const who = `${gate.stage}${job === undefined ? '' : ` on ${backendLabel(job)}`} waits for ${rolesText(gate)}`;
  return summaryText(`${oneLine(who, Math.max(40, MAX_SUMMARY_BYTES - 10 - bytesOf(ferry)))}: ${ferry}`);
}

/** The newest job of the round that a stage is in. */
const newestJob = (state: RunState, name: string): JobRecord | undefined => state.jobs.findLast((j) => j.stage === name && j.round === state.stages[name]?.round);

/**
 * The run's page in the Temporal UI, as Markdown. Texts from people and logs are escaped. No tables and no code blocks:
 * the UI draws the former without lines between the columns and cuts the latter off at the edge of a narrow pane.
 */
export function detailsOf(state: RunState): string {
  const lines = [`**${markdown(state.model)} ${markdown(state.version)}**: ${markdown(headline(state))}${state.round > 1 ? ` (round ${state.round})` : ''}`, ''];
  for (const gate of openGates(state)) lines.push(...gateLines(state.run, gate));
  lines.push('### Stages', '', ...state.order.flatMap((name) => stageLine(state, name)));
  if (state.failure !== undefined) lines.push('', `Last failure: ${markdown(state.failure.kind)}: ${markdown(state.failure.message, 400)}`);
  for (const n of state.notes.slice(-5)) lines.push('', `${minute(n.at)} ${markdown(n.stage)}: ${markdown(n.text, 400)}`);
  return lines.join('\n');
}

const BACKSLASHED: Readonly<Record<string, string>> = { '&lt;': '\\<', '&gt;': '\\>', '&amp;': '\\&' };

/** As it is, in the UI's own Markdown: it passes HTML on as HTML, shows an entity as it is written, and heeds a backslash. */
export const markdown = (text: string, max = 300): string => escapeMarkdown(text, max).replace(/&(?:lt|gt|amp);/g, (entity) => BACKSLASHED[entity] ?? entity);

/** `2026-12-02 02:18 UTC`: the seconds of a deadline are noise to a reader. */
const minute = (at: string): string => `${at.slice(0, 16).replace('T', ' ')} UTC`;

/** As it is, and wrapped rather than cut off: a span ends only at as many backticks as it began with. */
function codeSpan(text: string): string {
  const line = oneLine(text, 2000);
  const ticks = '`'.repeat(Math.max(0, ...[...line.matchAll(/`+/g)].map(([run]) => run.length)) + 1);
  return ticks.length === 1 ? `\`${line}\`` : `${ticks} ${line} ${ticks}`;
}

function gateLines(run: string, gate: Gate): string[] {
  const commands = commandsFor(run, gate);
  const quorum = Object.entries(quorumOf(gate)).map(([role, { have, need }]) => `${markdown(role)} ${have} of ${need}`);
  return [
    `### Waiting for ${markdown(rolesText(gate))}`,
    '',
    markdown(gate.question),
    '',
    codeSpan(commands.ferry),
    '',
    ...(gate.kind === 'approval' ? [`Or send it back: ${codeSpan(commands.ferry.replace(/^ferry approve (.*)$/, 'ferry reject $1 --to STAGE'))}`, ''] : []),
    ...gate.evidence.slice(0, 10).map((line) => `- ${markdown(line, 450)}`),
    ...(gate.kind === 'approval' ? [] : [`- choices: ${gate.choices.map((choice) => `${markdown(choice.id)} (${markdown(choice.label)})`).join(', ')}`]),
    ...(gate.counted.length === 0 ? [] : [`- so far: ${quorum.join(', ')}`]),
    ...gate.counted.map((d) => `- ${markdown(d.approver)} (${markdown(d.role)}): ${markdown(d.verdict)}: ${markdown(d.reason)}`),
    `- identity: ${gate.identity}, not verified`,
    `- until ${minute(gate.deadline)}, then: ${gate.onExpiry}`,
    '',
    `Without ferry: ${codeSpan(commands.temporal)}`,
    '',
  ];
}

/** With one alone its name on each line tells nothing. */
const severalExecutors = (state: RunState): boolean => new Set(state.jobs.map((job) => job.executor)).size > 1;

function stageLine(state: RunState, name: string): string[] {
  const stage = state.stages[name];
  if (stage === undefined) return [];
  const job = newestJob(state, name);
  const about = [
    ...(stage.figures['verdict'] === undefined ? [] : [String(stage.figures['verdict'])]),
    ...(job === undefined ? [] : [`${stage.attempts > 1 ? `attempt ${job.attempt} on ` : ''}${backendLabel(job)}${severalExecutors(state) ? `, executor ${job.executor}` : ''}`]),
    // Why the last attempt ended stands there until the stage is done, while the next one is under way already.
    ...(stage.reason === undefined ? [] : [stage.state === 'running' && job !== undefined && isLive(job) ? `before that: ${stage.reason}` : stage.reason]),
  ];
  const line = `${markdown(name)}: ${stage.state}${about.length === 0 ? '' : `, ${markdown(about.join('; '))}`}`;
  return [`- ${stage.state === 'running' || stage.state === 'waiting' ? `**${line}**` : line}`];
}
