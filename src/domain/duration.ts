import * as z from 'zod';

const UNITS: Record<string, number> = {
  ms: 1,
  millisecond: 1,
  s: 1000,
  second: 1000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
};

/** Ten years: longer than any run, and far below what a timer can hold. */
const MAX_MS = 3650 * 86_400_000;

/** Milliseconds of a text such as `500 ms`, `15 seconds`, `7 days`, `1.5h`; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*$/i.exec(text);
  if (match === null) return undefined;
  const word = (match[2] ?? '').toLowerCase();
  const unit = UNITS[word] ?? UNITS[word.replace(/s$/, '')];
  if (unit === undefined) return undefined;
  const ms = Math.round(Number(match[1]) * unit);
  return ms <= MAX_MS ? ms : undefined;
}

/** A duration in a spec or site file: `15 seconds`, `7 days`. Parsed to whole milliseconds. */
export const Duration = z.string().transform((text, context) => {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  context.addIssue({ code: 'custom', message: 'a duration such as 500 ms, 15 seconds, 2 hours or 7 days' });
  return z.NEVER;
});

/** `1h 02m`, `3m 05s`, `12.3s`, `450ms`: the two largest units, for people. */
export function formatDuration(ms: number): string {
  // The bounds are where rounding would show the next unit: 60.0s, 1000ms.
  if (ms < 999.5) return `${Math.max(0, Math.round(ms))}ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)}s`;
  const pad = (n: number): string => String(n).padStart(2, '0');
  const seconds = Math.max(60, Math.floor(ms / 1000));
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${pad(seconds % 60)}s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h ${pad(Math.floor((seconds % 3600) / 60))}m`;
  return `${Math.floor(seconds / 86_400)}d ${pad(Math.floor((seconds % 86_400) / 3600))}h`;
}
