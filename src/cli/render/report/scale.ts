/** The range of an axis and where its lines are drawn. */
export interface Axis {
  title: string;
  min: number;
  max: number;
  ticks: number[];
}

/** An axis over some values, from and to a line of its own; also where there is one value, or none. */
export function axisOver(title: string, values: readonly number[], { fromZero = false, about = 5 }: { fromZero?: boolean; about?: number } = {}): Axis {
  let min = values.reduce((low, v) => Math.min(low, v), fromZero ? 0 : Infinity);
  let max = values.reduce((high, v) => Math.max(high, v), fromZero ? 0 : -Infinity);
  if (!Number.isFinite(min) || !Number.isFinite(max)) [min, max] = [0, 1];
  if (min === max) [min, max] = fromZero && min === 0 ? [0, 1] : [min - Math.abs(min || 1) * 0.1, max + Math.abs(max || 1) * 0.1];
  const step = niceStep((max - min) / about);
  const first = Math.floor(min / step + 1e-9);
  const last = Math.ceil(max / step - 1e-9);
  // Multiples of the step, not sums: 0.1 + 0.2 would be drawn as 0.30000000000000004.
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
  return { title, min: ticks[0] ?? min, max: ticks.at(-1) ?? max, ticks };
}

/** An axis that ends where its values end, with lines within: for steps, whose last one is the end of the plot. */
export function axisWithin(title: string, min: number, max: number): Axis {
  const axis = axisOver(title, [min, max]);
  return { title, min, max: max > min ? max : min + 1, ticks: axis.ticks.filter((t) => t >= min && t <= max) };
}

/** 1, 2 or 5 times a power of ten, at least as large. */
function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((f) => rough <= f * power * (1 + 1e-9)) ?? 10;
  return factor * power;
}

/** Where a value lies between the ends of its axis, in percent. */
export const percentOn = ({ min, max }: Axis, value: number): number => (100 * (value - min)) / (max - min);

/** A coordinate as it is written: two decimals are finer than any screen. */
export const fixed = (n: number): string => String(Math.round(n * 100) / 100);

/**
 * At most about `max` points of a line: of each run of neighbours the lowest and the highest, in their order, so that
 * no spike is lost. The first and the last point stay.
 */
export function thin<P extends { y: number }>(points: readonly P[], max: number): readonly P[] {
  const [first, last] = [points[0], points.at(-1)];
  if (points.length <= max || first === undefined || last === undefined) return points;
  const inner = points.slice(1, -1);
  const buckets = Math.max(1, Math.floor((max - 2) / 2));
  const kept: P[] = [first];
  for (let b = 0; b < buckets; b++) {
    const run = inner.slice(Math.floor((b * inner.length) / buckets), Math.floor(((b + 1) * inner.length) / buckets));
    if (run.length === 0) continue;
    const low = run.reduce((best, p) => (p.y < best.y ? p : best));
    const high = run.reduce((best, p) => (p.y > best.y ? p : best));
    if (low === high) kept.push(low);
    else kept.push(...(run.indexOf(low) < run.indexOf(high) ? [low, high] : [high, low]));
  }
  return [...kept, last];
}
