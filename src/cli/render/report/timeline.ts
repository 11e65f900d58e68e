import { formatDuration } from '../../../domain/duration.js';
import type { Gate } from '../../../domain/gate.js';
import type { JobRecord, RunState } from '../../../domain/run-state.js';
import { backendLabel, jobLabel } from '../../../domain/views.js';
import { html, type Markup } from './html.js';
import { tellsUntil, type ReportInput } from './input.js';
import { figure, type Section } from './layout.js';
import { fixed } from './scale.js';
import { legend, type Key } from './svg-chart.js';
import { timeScale, without, type Span, type TimeScale } from './time-scale.js';
import { plural } from './words.js';

const LANE = 18;
const SERVER_LANE = 14;
/** A job of a moment must still be seen; in percent. */
const LEAST = 0.4;
/** A bar of at least so many percent has room for a word. */
const ROOM_FOR_WORD = 7;

const KEYS: readonly Key[] = [
  { name: 'done', label: 'done' },
  { name: 'live', label: 'under way' },
  { name: 'failed', label: 'failed or lost (✗)' },
  { name: 'ended', label: 'ended by us' },
  { name: 'server', label: 'server beside a job' },
  { name: 'human', label: 'waiting for people' },
  { name: 'simulated', label: 'dotted: simulated backend' },
];

/** Every stage with its attempts, its servers and its waits for people, over a common time. */
export function timelineSection(input: ReportInput): Section {
  const { state } = input;
  const title = 'Pipeline';
  if (state === undefined) return { id: 'pipeline', title, filled: false, body: html`<p class="muted">Without a worker the times of stages and jobs are not known.</p>` };
  const until = Date.parse(tellsUntil(input));
  const from = Date.parse(state.startedAt);
  const jobSpans = state.jobs.map((job) => spanOf(job.placedAt, job.endedAt, until));
  const gateSpans = Object.values(state.gates).map((gate) => spanOf(gate.openedAt, gate.outcome?.at, until));
  const scale = timeScale({ from, to: Math.max(until, from + 1), idle: without(gateSpans, jobSpans) });
  const taken = state.order.filter((name) => state.stages[name]?.state !== 'skipped');
  const skipped = state.order.filter((name) => state.stages[name]?.state === 'skipped');
  const rows = taken.map((name) => row(state, name, scale, until));
  const axis = html`<div class="gantt-row axis" aria-hidden="true"><div></div><svg width="100%" height="18">${scale.ticks.map(({ ms, afterMs }) => html`<text x="${fixed(scale.at(ms))}%" y="13" text-anchor="${scale.at(ms) < 2 ? 'start' : scale.at(ms) > 97 ? 'end' : 'middle'}">${afterMs === 0 ? '0' : `+${shortly(afterMs)}`}</text>`)}</svg><div></div></div>`;
  const caption = html`Time since the start of the run.${scale.shortened.length > 0 && html` Waits for people are drawn shortened: ${scale.shortened.map((s) => formatDuration(s.to - s.from)).join(', ')}.`}${skipped.length > 0 && html` Skipped: ${skipped.join(', ')}.`}`;
  return { id: 'pipeline', title, filled: true, body: figure(caption, html`${legend(keysIn(state))}<div class="gantt">${axis}${rows}</div>`) };
}

/** `+2m` for 2m 00s: the lines of the axis are at round times. */
const shortly = (ms: number): string => formatDuration(ms).replace(/ 00[smh]$/, '').replace(/\.0s$/, 's');

const spanOf = (from: string, to: string | undefined, until: number): Span => ({ from: Date.parse(from), to: to === undefined ? until : Date.parse(to) });

/** Only what is on this page is explained. */
function keysIn(state: RunState): readonly Key[] {
  const shown = new Set([...state.jobs.map(barClass), ...(state.jobs.some((job) => job.simulated) ? ['simulated'] : []), ...(Object.keys(state.gates).length > 0 ? ['human'] : [])]);
  return KEYS.filter(({ name }) => shown.has(name));
}

const BAR_CLASS = { placed: 'live', running: 'live', done: 'done', failed: 'failed', lost: 'failed', suspended: 'ended', cancelled: 'ended' } as const satisfies Record<JobRecord['state'], string>;

/** A server that was ended has done its part, whatever its exit code. */
const barClass = (job: JobRecord): string => (job.server !== undefined && BAR_CLASS[job.state] !== 'failed' ? 'server' : BAR_CLASS[job.state]);

function row(state: RunState, name: string, scale: TimeScale, until: number): Markup {
  const stage = state.stages[name];
  const jobs = state.jobs.filter((job) => job.stage === name);
  const servers = [...new Set(jobs.flatMap(({ server }) => server ?? []))].toSorted();
  const gates = Object.values(state.gates).filter((gate) => gate.stage === name);
  const height = LANE + servers.length * SERVER_LANE + (servers.length > 0 ? 2 : 0);
  const took = stage?.startedAt === undefined ? '' : formatDuration((stage.endedAt === undefined ? until : Date.parse(stage.endedAt)) - Date.parse(stage.startedAt));
  const own = jobs.filter((job) => job.server === undefined);
  const beside = [took, stage?.state === 'done' ? '' : (stage?.state ?? ''), stage !== undefined && stage.attempts > 1 ? plural(stage.attempts, 'attempt') : ''].filter(Boolean).join(' · ');
  const label = [`${name}: ${stage?.state ?? 'pending'}${took === '' ? '' : `, ${took}`}`, ...own.map((job) => jobTitle(job, until)), ...gates.map((gate) => gateTitle(gate, until))].join('; ');
  const span = stage?.startedAt === undefined ? undefined : spanOf(stage.startedAt, stage.endedAt, until);
  // A stage without a job of its own, such as publish, is its own bar.
  const bare = span !== undefined && own.length === 0 && gates.length === 0;
  return html`<div class="gantt-row"><div class="gantt-name">${name}</div><svg width="100%" height="${height}" role="img" aria-label="${label}">${scale.ticks.map(({ ms }) => html`<line class="grid" x1="${fixed(scale.at(ms))}%" x2="${fixed(scale.at(ms))}%" y1="0" y2="${height}"/>`)}${
    span !== undefined && (bare ? bar(scale, span, { name: stage?.state === 'failed' ? 'failed' : stage?.state === 'done' ? 'done' : 'live', title: label }) : html`<line class="stage-span" x1="${fixed(scale.at(span.from))}%" x2="${fixed(scale.at(span.to))}%" y1="${LANE / 2}" y2="${LANE / 2}"/>`)
  }${gates.map((gate) => bar(scale, spanOf(gate.openedAt, gate.outcome?.at, until), { name: 'human', title: gateTitle(gate, until), word: lasted(gate.openedAt, gate.outcome?.at, until) }))}${own.map((job) =>
    bar(scale, spanOf(job.placedAt, job.endedAt, until), { name: barClass(job), title: jobTitle(job, until), word: wordOf(job), simulated: job.simulated, faded: job.round !== stage?.round }),
  )}${servers.flatMap((server, lane) =>
    jobs.filter((job) => job.server === server).map((job) => bar(scale, spanOf(job.placedAt, job.endedAt, until), { name: barClass(job), title: jobTitle(job, until), word: `${server}: ${wordOf(job)}`, simulated: job.simulated, top: LANE + 2 + lane * SERVER_LANE, height: SERVER_LANE - 2, faded: job.round !== stage?.round })),
  )}</svg><div class="gantt-time">${beside}</div></div>`;
}

interface Bar {
  name: string;
  title: string;
  word?: string;
  top?: number;
  height?: number;
  simulated?: boolean;
  /** Of an earlier round. */
  faded?: boolean;
}

function bar(scale: TimeScale, { from, to }: Span, { name, title, word, top = 1, height = LANE - 2, simulated = false, faded = false }: Bar): Markup {
  const width = Math.max(LEAST, scale.at(to) - scale.at(from));
  const left = Math.min(scale.at(from), 100 - width);
  // An inner svg cuts off what is longer than the bar.
  const text = word !== undefined && width >= ROOM_FOR_WORD && html`<text class="in-bar ${name}" x="4" y="${height / 2}" dy="0.36em">${word}</text>`;
  return html`<svg class="clip" x="${fixed(left)}%" y="${top}" width="${fixed(width)}%" height="${height}"><g class="${faded ? 'faded' : ''}"><rect class="bar ${name}" width="100%" height="100%" rx="2"/>${simulated && html`<rect class="dots" width="100%" height="100%"/>`}${text}</g><title>${title}</title></svg>`;
}

/** What a narrow bar cuts off is the backend's name, never that it is imitated. */
const wordOf = (job: JobRecord): string => `${BAR_CLASS[job.state] === 'failed' ? '✗ ' : ''}${job.simulated ? 'simulated ' : ''}${job.backend}`;

const lasted = (from: string, to: string | undefined, until: number): string => formatDuration((to === undefined ? until : Date.parse(to)) - Date.parse(from));

const jobTitle = (job: JobRecord, until: number): string =>
  `${jobLabel(job)} attempt ${job.attempt}${job.round > 1 ? ` of round ${job.round}` : ''} on ${backendLabel(job)}: ${job.state}, ${lasted(job.placedAt, job.endedAt, until)}${job.reason === undefined ? '' : ` (${job.reason})`}`;

const gateTitle = (gate: Gate, until: number): string =>
  `${gate.id} waits for ${gate.roles.map(({ role }) => role).join(', ')}: ${lasted(gate.openedAt, gate.outcome?.at, until)}${gate.outcome === undefined ? ', still open' : `, ${gate.outcome.verdict}`}`;
