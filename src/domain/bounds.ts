import type { ArtifactRef } from './artifact.js';
import type { FailureView } from './failure.js';
import type { Gate } from './gate.js';
import type { JobOutcome, JobProgress } from './job.js';
import { MAX_STATE_BYTES, isLive, type RunState } from './run-state.js';
import { oneLine } from './text.js';

/** Measurements that a stage or a job shows; a program may report any number of them, under names of any form. */
const MAX_FIGURES = 12;
const MAX_FIGURE_NAME = 40;
const MAX_EVIDENCE = 10;

/** Entries that each list keeps however full the state is: the newest are what a person looks for. Fewer only while nothing else is left. */
const KEEP_AT_LEAST = [3, 1];

/** Of objects, which the reducer never changes: measuring a whole state at every event would cost more than reducing. */
const measured = new WeakMap<object, number>();

/** The size of a JSON value as text in UTF-8. */
export function bytesOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return utf8Length(JSON.stringify(value) ?? 'null');
  const known = measured.get(value);
  if (known !== undefined) return known;
  const parts = Array.isArray(value)
    ? value.map(bytesOf)
    : Object.entries(value).flatMap(([name, inner]) => (inner === undefined ? [] : [utf8Length(JSON.stringify(name)) + 1 + bytesOf(inner)]));
  const bytes = parts.reduce((sum, part) => sum + part, 2 + Math.max(0, parts.length - 1));
  measured.set(value, bytes);
  return bytes;
}

function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    // Both halves of a pair take two of its four bytes.
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return bytes;
}

export const fewFigures = <T extends number | string>(figures: Record<string, T>): Record<string, T> =>
  Object.fromEntries(
    Object.entries(figures)
      .slice(0, MAX_FIGURES)
      .map(([name, value]) => [oneLine(name, MAX_FIGURE_NAME), typeof value === 'string' ? (oneLine(value, 100) as T) : value]),
  );

/** What a program said of itself, as its record keeps it for as long as the run lasts. */
export const shortProgress = (progress: JobProgress): JobProgress => ({
  ...progress,
  // What has ended is reached nowhere.
  readyUrl: undefined,
  ...(progress.metrics === undefined ? {} : { metrics: fewFigures(progress.metrics) }),
  ...(progress.verdict === undefined ? {} : { verdict: { value: progress.verdict.value, reasons: [oneLine(progress.verdict.reasons.join('; '), 200)] } }),
});

/** What the rules judge an attempt by, for the time in which its servers are ended: of the log the line that is shown. */
export function shortOutcome(outcome: JobOutcome): JobOutcome {
  const { exit, progress, passedOver, lastLines } = outcome;
  const last = lastLines.findLast((line) => line.trim() !== '');
  return {
    ...outcome,
    ...(exit === undefined ? {} : { exit: { ...exit, ...(exit.problem === undefined ? {} : { problem: { ...exit.problem, message: oneLine(exit.problem.message, 300) } }), outputs: bare(exit.outputs) } }),
    ...(progress === undefined ? {} : { progress: shortProgress(progress) }),
    ...(passedOver === undefined ? {} : { passedOver: passedOver.length === 0 ? [] : [oneLine(passedOver.join('; '), 200)] }),
    // A problem outside the program is told instead of its last line.
    lastLines: last === undefined || exit?.problem !== undefined ? [] : [oneLine(last, 300)],
  };
}

/** Annotations are in the store as well. */
const bare = (refs: Record<string, ArtifactRef>): Record<string, ArtifactRef> => Object.fromEntries(Object.entries(refs).map(([name, ref]) => [name, { ...ref, annotations: undefined }]));

export const shortFailure = (failure: FailureView): FailureView => ({
  ...failure,
  message: oneLine(failure.message, 400),
  ...(failure.rootLine === undefined ? {} : { rootLine: oneLine(failure.rootLine, 300) }),
});

export const shortGate = (gate: Gate): Gate => ({
  ...gate,
  question: oneLine(gate.question, 300),
  evidence: gate.evidence.slice(0, MAX_EVIDENCE).map((line) => oneLine(line, 450)),
});

/** A gate that is closed asks nobody any more: what it was, who decided and what came of it stay. */
export const closedGate = (gate: Gate): Gate => ({ ...gate, evidence: [], roles: gate.roles.map(({ role, quorum }) => ({ role, quorum })) });

/** The gates without the parameters that were set at them: by then those stand in the run's overrides, or were dropped. */
export const withoutSets = (gates: Record<string, Gate>): Record<string, Gate> =>
  Object.fromEntries(
    Object.entries(gates).map(([id, gate]) => {
      if (gate.outcome?.set === undefined) return [id, gate];
      return [id, { ...gate, outcome: { ...gate.outcome, set: undefined } }];
    }),
  );

/**
 * The state within `MAX_STATE_BYTES`. Lists tell a story, so their oldest entries go first, those of the largest list
 * before the others; a live job never does. What then remains too much are annotations, which the store has as well, and
 * what people are told where they are asked about dozens of items at once: the logs have the whole of it.
 */
export function withinBounds(state: RunState): RunState {
  let bytes = bytesOf(state);
  if (bytes <= MAX_STATE_BYTES) return state;
  const lists = {
    notes: state.notes.map(bytesOf),
    decisions: state.decisions.map(bytesOf),
    jobs: state.jobs.map((job) => (isLive(job) ? 0 : bytesOf(job))),
  };
  const drop = { notes: new Set<number>(), decisions: new Set<number>(), jobs: new Set<number>() };
  const names = Object.keys(lists) as (keyof typeof lists)[];
  const left = (name: keyof typeof lists): number => lists[name].reduce((sum, entry) => sum + entry, 0);
  // Some way below the bound, so that a full state is not shortened anew at every event.
  for (const keep of KEEP_AT_LEAST) {
    const enough = keep === KEEP_AT_LEAST[0] ? MAX_STATE_BYTES * 0.9 : MAX_STATE_BYTES;
    while (bytes > enough) {
      const [largest] = names.filter((name) => lists[name].filter((entry) => entry > 0).length > keep).sort((a, b) => left(b) - left(a));
      if (largest === undefined) break;
      const oldest = lists[largest].findIndex((entry) => entry > 0);
      bytes -= lists[largest][oldest] ?? 0;
      lists[largest][oldest] = 0;
      drop[largest].add(oldest);
    }
  }
  const shorter: RunState = {
    ...state,
    notes: state.notes.filter((_, i) => !drop.notes.has(i)),
    decisions: state.decisions.filter((_, i) => !drop.decisions.has(i)),
    jobs: state.jobs.filter((_, i) => !drop.jobs.has(i)),
  };
  if (bytes <= MAX_STATE_BYTES) return shorter;
  const bare = withoutAnnotations(shorter);
  return bytesOf(bare) <= MAX_STATE_BYTES ? bare : inFewerWords(bare);
}

const FEW_WORDS = 150;

function inFewerWords(state: RunState): RunState {
  const gates = Object.entries(state.gates).map(([id, gate]) => [id, { ...gate, evidence: gate.evidence.slice(0, 2).map((line) => oneLine(line, FEW_WORDS)) }]);
  const stages = Object.entries(state.stages).map(([name, stage]) => {
    const { failure, reason } = stage;
    return [name, { ...stage, ...(reason === undefined ? {} : { reason: oneLine(reason, FEW_WORDS) }), ...(failure === undefined ? {} : { failure: { ...failure, message: oneLine(failure.message, FEW_WORDS), rootLine: undefined } }) }];
  });
  return { ...state, gates: Object.fromEntries(gates), stages: Object.fromEntries(stages) };
}

function withoutAnnotations(state: RunState): RunState {
  return {
    ...state,
    inputs: bare(state.inputs),
    stages: Object.fromEntries(Object.entries(state.stages).map(([name, stage]) => [name, { ...stage, outputs: bare(stage.outputs) }])),
  };
}
