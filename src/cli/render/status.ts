import { FAILURES, STOPS } from '../../domain/failure.js';
import { formatDuration } from '../../domain/duration.js';
import type { JobView, RunStatusView, StageView, WaitView } from '../../domain/status.js';
import { figure, oneLine, shellQuote } from '../../domain/text.js';
import { backendLabel, jobLabel } from '../../domain/views.js';
import { table, textWidth, truncate, wrap } from './layout.js';
import { makeStyle, type Style } from './style.js';

export interface RenderOptions {
  /** Columns to fill; `Infinity` cuts and wraps nothing. */
  width: number;
  color: boolean;
  /** In milliseconds since the epoch. */
  now: number;
  /** Whether the page is being followed: then it need not say how. */
  watched?: boolean;
}

const MARKS: Record<StageView['state'], string> = { pending: '·', running: '▶', waiting: '⏸', done: '✓', skipped: '–', failed: '✗' };

type Painter = (style: Style) => (text: string) => string;
const STAGE_PAINT: Record<StageView['state'], Painter> = { pending: (s) => s.dim, running: (s) => s.cyan, waiting: (s) => s.yellow, done: (s) => s.green, skipped: (s) => s.dim, failed: (s) => s.red };
const RUN_PAINT: Record<RunStatusView['state'], Painter> = {
  running: (s) => s.cyan,
  waiting: (s) => s.yellow,
  completed: (s) => s.green,
  failed: (s) => s.red,
  rejected: (s) => s.red,
  cancelled: (s) => s.yellow,
  terminated: (s) => s.red,
};

/** Below this a table of stages has no room for details: they get lines of their own. */
const NARROW = 64;

/** The newest of the run's own story that a page shows. */
const NOTES_SHOWN = 5;

/** A run's status as a page for people. Every text is made one line without control characters: some come from logs. */
export function renderStatus(view: RunStatusView, options: RenderOptions): string[] {
  const style = makeStyle(options.color);
  return [
    ...header(view, style, options),
    '',
    ...stageLines(view, style, options),
    ...liveJobs(view).flatMap((job) => ['', ...jobLines(job, style, options)]),
    ...view.waitingOn.flatMap((wait) => ['', ...waitLines(wait, style, options)]),
    ...failureLines(view, style, options),
    ...noteLines(view, style, options),
    ...closing(view, style, options),
  ];
}

function header(view: RunStatusView, style: Style, { now, width }: RenderOptions): string[] {
  const name = clean(`${view.model} ${view.version}`);
  const state = RUN_PAINT[view.state](style)(view.state);
  const since = Date.parse(view.startedAt);
  const elapsed = view.endedAt === null ? `started ${age(since, now)} ago` : `took ${age(since, Date.parse(view.endedAt))}`;
  const facts = [`run ${clean(view.run)}`, ...(view.round > 1 ? [`round ${view.round}`] : []), elapsed];
  const lines = [`${style.bold(name)}  ${state}`, ...wrap(facts.join(' · '), width).map(style.dim)];
  if (view.resumedFrom !== null) lines.push(style.dim(`takes over from ${clean(view.resumedFrom.run)} ${view.resumedFrom.from === null ? 'what is unchanged' : `what stands before ${view.resumedFrom.from}`}`));
  if (view.ui !== null) lines.push(style.dim(view.ui));
  if (view.source === 'visibility') lines.push(...wrap(`No worker answers: this is what the server knows by itself.${view.notes.length === 0 ? ' Start one with: ferry worker' : ''}`, width).map(style.yellow));
  return lines;
}

function stageLines(view: RunStatusView, style: Style, { now, width }: RenderOptions): string[] {
  const narrow = width < NARROW;
  const rows = view.stages.map((stage) => [`  ${MARKS[stage.state]} ${stage.name}`, stage.state, timeOf(stage, now), ...(narrow ? [] : [stage.attempts > 1 ? `${stage.attempts} attempts` : '', backendOf(view, stage)])]);
  const paint = (cell: string, column: number, row: number): string => {
    const state = view.stages[row]?.state ?? 'pending';
    return column === 0 && state === 'done' ? cell.replace('✓', style.green('✓')) : column < 2 ? STAGE_PAINT[state](style)(cell) : style.dim(cell);
  };
  const plain = table(rows);
  return table(rows, paint).flatMap((line, i) => {
    const stage = view.stages[i];
    const detail = stage === undefined ? '' : detailOf(stage);
    if (detail === '') return [line];
    const room = width - textWidth(plain[i] ?? '') - 2;
    if (!narrow && room >= Math.min(24, textWidth(detail))) return [`${line}  ${style.dim(truncate(detail, room))}`];
    return [line, style.dim(`      ${truncate(detail, width - 6)}`)];
  });
}

/** What a stage's line says last: its figures when it is done, and why it is as it is. */
function detailOf(stage: StageView): string {
  const figures = Object.entries(stage.figures).slice(0, 6).map(([name, value]) => `${name} ${typeof value === 'number' ? figure(value) : value}`);
  return clean([...(stage.state === 'done' ? [figures.join(', ')] : []), stage.reason ?? ''].filter((part) => part !== '').join(' · '));
}

function backendOf(view: RunStatusView, stage: StageView): string {
  const job = view.jobs.findLast((j) => j.stage === stage.name && j.round === stage.round);
  return job === undefined || job.backend === '' ? '' : backendLabel(job);
}

function timeOf(stage: StageView, now: number): string {
  if (stage.startedAt === null) return '';
  return age(Date.parse(stage.startedAt), stage.endedAt === null ? now : Date.parse(stage.endedAt));
}

const LIVE: readonly string[] = ['placed', 'running'];

const isLive = (job: JobView): boolean => LIVE.includes(job.state);

/** The jobs that a run is waiting for now. */
export const liveJobs = (view: RunStatusView): JobView[] => (view.endedAt === null ? view.jobs.filter(isLive) : []);

function jobLines(job: JobView, style: Style, { now, width }: RenderOptions): string[] {
  const place = [job.executor, ...(job.host === null ? [] : [job.host]), ...(job.pid === null ? [] : [`pid ${job.pid}`])].join(', ');
  const title = `${jobLabel(job)}, attempt ${job.attempt}${job.backend === '' ? '' : ` on ${backendLabel(job)}`}: ${job.state} (${clean(place)})`;
  const lines = wrap(title, width);
  if (job.observation === 'unknown') lines.push(style.yellow(`  nobody has seen it since ${job.unknownSince === null ? 'a while' : moment(job.unknownSince)}; that does not mean that it failed`));
  const progress = progressText(job, now);
  if (progress !== '') lines.push(...progressBar(job, progress, style, width));
  return lines;
}

/** `520/1000 · 12.3/s · ETA 39.0s · loss 2.31`: what a job said last of itself. */
export function progressText({ progress }: Pick<JobView, 'progress'>, now: number): string {
  if (progress === null) return '';
  const { step, total, stepsPerSecond, metrics, phase, at } = progress;
  const left = step !== undefined && total !== undefined && stepsPerSecond ? ((total - step) / stepsPerSecond) * 1000 - (now - Date.parse(at)) : undefined;
  return clean(
    [
      ...(step === undefined ? [] : [total === undefined ? `step ${step}` : `${step}/${total}`]),
      ...(stepsPerSecond ? [`${figure(stepsPerSecond)}/s`] : []),
      ...(left !== undefined && left > 0 ? [`ETA ${formatDuration(left)}`] : []),
      ...(phase === undefined ? [] : [phase]),
      ...Object.entries(metrics ?? {}).slice(0, 4).map(([name, value]) => `${name} ${figure(value)}`),
    ].join(' · '),
  );
}

function progressBar({ progress }: JobView, text: string, style: Style, width: number): string[] {
  const { step, total } = progress ?? {};
  if (step === undefined || total === undefined || total <= 0) return [`  ${truncate(text, width - 2)}`];
  const done = Math.min(1, Math.max(0, step / total));
  const percent = `${Math.floor(done * 100)}%`.padStart(4);
  const beside = textWidth(text) + 10;
  const size = width === Infinity ? 20 : Math.min(30, width - beside);
  const bar = (columns: number): string => `${style.cyan('█'.repeat(Math.round(done * columns)))}${style.dim('░'.repeat(columns - Math.round(done * columns)))}`;
  if (size >= 8) return [`  ${bar(size)} ${percent}  ${text}`];
  return [`  ${bar(Math.max(4, Math.min(30, width - 8)))} ${percent}`, `  ${truncate(text, width - 2)}`];
}

function waitLines(wait: WaitView, style: Style, { now, width }: RenderOptions): string[] {
  const roles = wait.roles.map((role) => {
    const quorum = wait.quorum[role];
    return quorum === undefined ? role : `${role} (${quorum.have} of ${quorum.need})`;
  });
  const since = wait.since === null ? '' : `, for ${age(Date.parse(wait.since), now)}`;
  const until = wait.deadline === null ? '' : `, until ${moment(wait.deadline)}`;
  const text = (line: string): string[] => wrap(clean(line), width - 2).map((part) => `  ${part}`);
  return [
    ...wrap(clean(`Waiting for ${roles.join(' and ')} at ${wait.gate}${since}${until}`), width).map((line) => style.bold(style.yellow(line))),
    ...(wait.question === null ? [] : text(wait.question)),
    ...wait.evidence.flatMap((line) => text(`- ${line}`)),
    ...(wait.choices.length === 0 ? [] : text(`choices: ${wait.choices.join(', ')}`)),
    ...(wait.identity === null ? [] : [style.dim(`  identity: ${wait.identity}, not verified`)]),
    // Never wrapped or cut: they are there to be copied.
    `  ${style.cyan(`$ ${wait.commands.ferry}`)}`,
    `  ${style.dim(`$ ${wait.commands.temporal}`)}`,
  ];
}

function failureLines(view: RunStatusView, style: Style, { width }: RenderOptions): string[] {
  const { failure } = view;
  if (failure === null) return [];
  const meaning = failure.kind in FAILURES ? FAILURES[failure.kind as keyof typeof FAILURES].meaning : STOPS[failure.kind as keyof typeof STOPS]?.meaning;
  const open = view.endedAt === null;
  return [
    '',
    ...wrap(clean(`${open ? 'Last failure' : 'Failure'}: ${failure.kind}${meaning === undefined ? '' : ` (${meaning})`}`), width).map((line) => style.bold(style.red(line))),
    ...wrap(clean(failure.message), width - 2).map((line) => `  ${line}`),
    ...(failure.rootLine === undefined || failure.message.includes(failure.rootLine) ? [] : [`  log${failure.lineNumber === undefined ? '' : ` line ${failure.lineNumber}`}: ${truncate(clean(failure.rootLine), width - 16)}`]),
    // While the run goes on by itself, on another place or once more, nobody has to.
    ...(open && view.waitingOn.length === 0 ? [] : [style.dim(`  who acts: ${failure.owner}`)]),
  ];
}

function noteLines(view: RunStatusView, style: Style, { width }: RenderOptions): string[] {
  const notes = view.notes.slice(-NOTES_SHOWN);
  return notes.length === 0 ? [] : ['', ...notes.flatMap(({ at, stage, text }) => wrap(clean(`${moment(at)}  ${stage === '' ? '' : `${stage}: `}${text}`), width)).map(style.dim)];
}

/** The last line: what came out, or what to type next. */
function closing(view: RunStatusView, style: Style, { watched }: RenderOptions): string[] {
  const run = shellQuote(view.run);
  const next = (command: string): string[] => ['', `→ ${style.cyan(command)}`];
  switch (view.state) {
    case 'completed':
      return view.release === null ? [] : ['', `Released ${style.bold(clean(view.release.ref))}`];
    case 'failed':
    case 'rejected':
    case 'cancelled':
    case 'terminated': {
      const left = view.jobs.filter(isLive).length;
      if (left > 0) return [...next('ferry gc'), style.dim(`  ends what is left of it: ${left === 1 ? '1 job' : `${left} jobs`}`)];
      const stage = view.stages.find(({ state }) => state === 'failed' || state === 'waiting' || state === 'running') ?? view.stages.find(({ state }) => state === 'pending');
      return next(`ferry resume ${run} --from ${stage?.name ?? 'STAGE'}`);
    }
    case 'waiting':
      return [];
    case 'running':
      return watched === true ? [] : next(`ferry watch ${run}`);
  }
}

const clean = (text: string): string => oneLine(text, 2000);

/** How long something took, or takes; a clock that is behind shows none. */
const age = (from: number, to: number): string => formatDuration(Math.max(0, to - from));

/** `2026-11-25 01:30 UTC`. */
export const moment = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
