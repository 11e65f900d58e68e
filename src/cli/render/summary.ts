import { formatDuration } from '../../domain/duration.js';
import type { RunStatusView, StageView } from '../../domain/status.js';
import { figure } from '../../domain/text.js';
import { table } from './layout.js';

const MAX_FIGURES = 4;

/** A row of the summary: what a stage took and what came of it. */
export interface SummaryRow {
  stage: string;
  state: StageView['state'];
  /** Null where it did not begin or has not ended. */
  tookMs: number | null;
  attempts: number;
  outputs: Record<string, string>;
  figures: StageView['figures'];
}

/** The stages of a run that were taken, in their order. */
export function summaryOf(view: RunStatusView): SummaryRow[] {
  return view.stages
    .filter(({ state }) => state !== 'skipped')
    .map(({ name, state, attempts, startedAt, endedAt, outputs, figures }) => ({
      stage: name,
      state,
      tookMs: startedAt === null || endedAt === null ? null : Math.max(0, Date.parse(endedAt) - Date.parse(startedAt)),
      attempts,
      outputs: Object.fromEntries(Object.entries(outputs).map(([output, { digest }]) => [output, digest])),
      figures,
    }));
}

/** The summary as a table: stage, time, attempts, output digest, key figures. */
export function summaryTable(rows: readonly SummaryRow[]): string[] {
  return table([
    ['STAGE', 'TIME', 'ATTEMPTS', 'OUTPUT', 'KEY FIGURES'],
    ...rows.map(({ stage, state, tookMs, attempts, outputs, figures }) => [
      stage,
      tookMs === null ? state : formatDuration(tookMs),
      attempts === 0 ? '' : String(attempts),
      Object.values(outputs).map(shortDigest)[0] ?? '',
      keyFigures(figures).map(([name, value]) => `${name} ${typeof value === 'number' ? figure(value) : value}`).join(', '),
    ]),
  ]);
}

/** A count of steps says little beside what they came to. */
function keyFigures(figures: StageView['figures']): [string, number | string][] {
  const told = Object.entries(figures).filter(([name]) => name !== 'step');
  return (told.length === 0 ? Object.entries(figures) : told).slice(0, MAX_FIGURES);
}

/** Enough of a digest to tell two apart, and to look one up with. */
const shortDigest = (digest: string): string => digest.slice(0, 'sha256:'.length + 12);
