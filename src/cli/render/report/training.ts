import type { RunState } from '../../../domain/run-state.js';
import { backendLabel } from '../../../domain/views.js';
import type { TrainerState } from '../../../engines/evidence/trainer-state.js';
import { html, type Markup } from './html.js';
import type { ReportInput } from './input.js';
import { evidenceSection, figure, table, type Section } from './layout.js';
import { axisOver, axisWithin, thin } from './scale.js';
import { lineChart, type Point } from './svg-chart.js';
import { count, number, plural } from './words.js';

/** Above this a line is finer than a screen shows. */
const MAX_POINTS = 600;
const MAX_ROWS = 30;

/** How the loss went, on the training data and on data held out. */
export function trainingSection({ evidence, state }: ReportInput): Section {
  return evidenceSection({ id: 'training', title: 'Training', finding: evidence.training, body: (trainer) => trainingBody(trainer, state) });
}

function trainingBody(trainer: TrainerState, state: RunState | undefined): Markup {
  const train = pointsOf(trainer, 'loss');
  const heldOut = pointsOf(trainer, 'eval_loss');
  const all = [...train.points, ...heldOut.points];
  const summary = html`<p>${plural(trainer.global_step, 'step')}${trainer.max_steps !== undefined && trainer.max_steps > 0 && ` of ${count(trainer.max_steps)}`}. ${last('Training loss', train.points)} ${last('Held-out loss', heldOut.points)}</p>`;
  if (all.length === 0) return html`${summary}<p class="muted">The trainer logged no loss.</p>`;
  const drawn = thin(train.points, MAX_POINTS);
  const x = axisWithin('step', Math.min(...ends(all)), Math.max(trainer.global_step, ...ends(all)));
  const y = axisOver('loss (nats a token for a language model)', all.map((p) => p.y));
  const marks = handOvers(state).filter(({ x: at }) => at > x.min && at < x.max);
  const chart = lineChart({
    label: `Loss over ${plural(trainer.global_step, 'step')}. ${sentence('training', train.points)} ${sentence('held-out', heldOut.points)}`,
    x,
    y,
    series: [
      ...(drawn.length > 0 ? [{ name: 'train', label: 'training loss', points: drawn, dots: drawn.length <= 40 }] : []),
      ...(heldOut.points.length > 0 ? [{ name: 'held-out', label: 'held-out loss', points: thin(heldOut.points, 200), dots: true }] : []),
    ],
    marks,
  });
  const marked = marks.length > 0 && html` Upright lines: another attempt went on from there.`;
  const lost = train.notFinite + heldOut.notFinite;
  const caption = html`As the trainer logged it.${marked}${drawn.length < train.points.length && html` The training loss is drawn thinned: ${count(train.points.length)} points as ${count(drawn.length)}, of each run of neighbours the lowest and the highest.`}${lost > 0 && html` <strong>${plural(lost, 'logged loss was', 'logged losses were')} no finite number</strong> and can’t be drawn.`}`;
  return html`${summary}${figure(caption, chart)}${heldOut.points.length > 0 && heldOutTable(heldOut.points)}`;
}

/** Not spread over all points, which may be many thousands; they are in the order of their steps. */
const ends = (points: readonly Point[]): number[] => points.reduce<[number, number]>(([low, high], { x }) => [Math.min(low, x), Math.max(high, x)], [Infinity, -Infinity]);

function pointsOf(trainer: TrainerState, key: 'loss' | 'eval_loss'): { points: Point[]; notFinite: number } {
  const logged = trainer.log_history.filter((entry) => key in entry);
  const points = logged.flatMap((entry) => {
    const y = entry[key];
    return typeof y === 'number' ? [{ x: entry.step, y, title: `step ${entry.step}: ${number(y)}` }] : [];
  });
  return { points: points.toSorted((a, b) => a.x - b.x), notFinite: logged.length - points.length };
}

const lowest = (points: readonly Point[]): Point | undefined => points.reduce<Point | undefined>((best, p) => (best === undefined || p.y < best.y ? p : best), undefined);

function last(name: string, points: readonly Point[]): Markup {
  const [end, low] = [points.at(-1), lowest(points)];
  if (end === undefined || low === undefined) return html`${name}: not logged.`;
  return html`${name} <strong>${number(end.y)}</strong> at step ${count(end.x)}${low.x !== end.x && ` (lowest ${number(low.y)} at step ${count(low.x)})`}.`;
}

const sentence = (name: string, points: readonly Point[]): string => {
  const [first, end] = [points[0], points.at(-1)];
  return first === undefined || end === undefined ? `No ${name} loss.` : `The ${name} loss goes from ${number(first.y)} to ${number(end.y)}.`;
};

/** More labels than this would lie over one another. */
const MAX_LABELS = 6;

/** Where an attempt left off and the next one took over: at the newest checkpoint of each that was not the last. */
function handOvers(state: RunState | undefined): { x: number; label?: string }[] {
  if (state === undefined) return [];
  const attempts = state.jobs.filter((job) => job.stage === 'train' && job.server === undefined && job.round === state.stages['train']?.round);
  const labels = new Map<number, string>();
  // Of several that began at one step the last one went on from there.
  attempts.forEach((job, i) => {
    const next = attempts[i + 1];
    if (next !== undefined && job.checkpoint !== undefined) labels.set(job.checkpoint.step, `attempt ${next.attempt}, ${backendLabel(next)}`);
  });
  return [...labels].map(([x, label]) => (labels.size <= MAX_LABELS ? { x, label } : { x }));
}

function heldOutTable(points: readonly Point[]): Markup {
  const shown = points.length <= MAX_ROWS ? points : [...points.slice(0, MAX_ROWS / 2), ...points.slice(-MAX_ROWS / 2)];
  const rows = shown.map(({ x, y }) => [count(x), number(y)]);
  const caption = shown.length < points.length ? `Held-out loss: the first and last ${MAX_ROWS / 2} of ${count(points.length)} measurements` : 'Held-out loss at each measurement';
  return html`<details><summary>Held-out loss as a table</summary>${table(caption, [{ title: 'Step', right: true }, { title: 'Loss', right: true }], rows)}</details>`;
}
