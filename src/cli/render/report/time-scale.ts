/** A span of time in milliseconds since the epoch. */
export interface Span {
  from: number;
  to: number;
}

export interface TimeScale {
  /** Where a moment stands, in percent of the width. */
  at(ms: number): number;
  /** The spans that are drawn shorter than they were. */
  shortened: Span[];
  /** Moments with their distance from the start. */
  ticks: { ms: number; afterMs: number }[];
}

/** A wait is drawn at most this long, as a share of the time in which something ran. */
const MAX_WAIT_SHARE = 0.25;

/**
 * The scale of a timeline. People may take days over what machines did in minutes: spans of `idle`, in which nothing
 * but a person was waited for, are drawn shortened, or everything else would be a line at the edge.
 */
export function timeScale({ from, to, idle }: Span & { idle: readonly Span[] }): TimeScale {
  const whole = Math.max(1, to - from);
  const waits = union(idle.map((span) => ({ from: Math.max(from, span.from), to: Math.min(to, span.to) })));
  const busy = Math.max(whole - total(waits), whole * 1e-6);
  const most = busy * MAX_WAIT_SHARE;
  const shortened = waits.filter((span) => length(span) > most && length(span) < whole);
  const drawn = whole - total(shortened) + shortened.length * most;
  const at = (ms: number): number => {
    const inside = Math.min(to, Math.max(from, ms));
    const lost = shortened.reduce((sum, span) => sum + Math.min(1, Math.max(0, (inside - span.from) / length(span))) * (length(span) - most), 0);
    return (100 * (inside - from - lost)) / drawn;
  };
  return { at, shortened, ticks: ticksOf({ from, to }, drawn, shortened, at) };
}

const length = ({ from, to }: Span): number => to - from;
const total = (spans: readonly Span[]): number => spans.reduce((sum, span) => sum + length(span), 0);

/** The same time without overlaps, in order. */
export function union(spans: readonly Span[]): Span[] {
  const merged: Span[] = [];
  for (const span of spans.filter((s) => s.to > s.from).toSorted((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last !== undefined && span.from <= last.to) last.to = Math.max(last.to, span.to);
    else merged.push({ ...span });
  }
  return merged;
}

/** What is left of some spans without the others. */
export function without(spans: readonly Span[], others: readonly Span[]): Span[] {
  return union(others).reduce((left, cut) => left.flatMap((span) => [{ from: span.from, to: Math.min(span.to, cut.from) }, { from: Math.max(span.from, cut.to), to: span.to }].filter((s) => s.to > s.from)), union(spans));
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS = [SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 20 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 5 * DAY, 10 * DAY, 30 * DAY];
const TICKS = 6;
/** Closer than this, in percent, two labels would touch. */
const APART = 9;

/** Counted from the start; a step is a round time of what is drawn, so that none of a shortened wait gets a line. */
function ticksOf({ from, to }: Span, drawnMs: number, shortened: readonly Span[], at: (ms: number) => number): TimeScale['ticks'] {
  const step = STEPS.find((s) => drawnMs / s <= TICKS) ?? 365 * DAY;
  const ticks: TimeScale['ticks'] = [];
  const take = (ms: number): void => {
    const before = ticks.at(-1);
    if (shortened.some((span) => ms > span.from && ms < span.to)) return;
    if (before === undefined || at(ms) - at(before.ms) >= APART) ticks.push({ ms, afterMs: ms - from });
  };
  // The last part may lie days after the first: its own lines begin at the end of the wait before it.
  const starts = [from, ...shortened.map((span) => span.to)];
  starts.forEach((start, i) => {
    const end = shortened[i]?.from ?? to;
    for (let ms = start; ms <= end && ticks.length < 40; ms += step) take(ms);
  });
  return ticks;
}
