import { formatDuration } from '../../../domain/duration.js';
import type { VerdictValue } from '../../../domain/reports/verdict.js';
import { figure } from '../../../domain/text.js';
import { html, type Markup } from './html.js';

/** `2026-11-25 01:30:05`: in UTC, as the head of the page says. */
export const instant = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 19)}`;

/** A time for people that still tells its zone to machines. */
export const time = (iso: string | null | undefined): Markup => (iso == null ? html`` : html`<time datetime="${iso}">${instant(iso)}</time>`);

export const between = (from: string, to: string): string => formatDuration(Math.max(0, Date.parse(to) - Date.parse(from)));

/** `1,234,567`. Not by the machine's locale: the page is the same everywhere. */
export const count = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ',');

/** A measurement: whole where it is large, else four significant digits. */
export const number = (value: number): string => (Number.isInteger(value) && Math.abs(value) < 1e15 ? count(value) : Math.abs(value) >= 1000 && Math.abs(value) < 1e15 ? count(Math.round(value)) : figure(value));

export const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`;

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const;

/** `12.3 MB`, in powers of a thousand. */
export function size(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return unit === 0 ? `${count(bytes)} ${bytes === 1 ? 'byte' : 'bytes'}` : `${value < 10 ? value.toFixed(1) : String(Math.round(value))} ${UNITS[unit] ?? ''}`;
}

/** `99.98 %`, rounded down: what is not all must not read as 100 %. */
export const percent = (share: number): string => `${(Math.floor(share * 1e4 + 1e-7) / 100).toFixed(2)} %`;

/** `85.6 %`: of parts that are looked at side by side. */
export const share = (part: number, of: number): string => `${(of === 0 ? 0 : (100 * part) / of).toFixed(1)} %`;

const SHORT = 'sha256:'.length + 12;

/** A text that shows a part and opens to its whole. */
export const folded = (shown: string, whole: string): Markup => html`<details class="fold"><summary title="${whole}"><code>${shown}</code></summary><code class="full">${whole}</code></details>`;

/** A digest by its beginning. */
export const digest = (value: string): Markup => folded(`${value.slice(0, SHORT)}…`, value);

/** What came of an approval, as a state. */
export const outcomeWord = (verdict: string): string => (verdict === 'approve' ? 'approved' : verdict === 'reject' ? 'rejected' : verdict);

const VERDICT_MARKS: Record<VerdictValue, string> = { pass: '✓', fail: '✗', inconclusive: '?' };

/** A verdict in colour, with a sign and a word of its own for those who see no colour. */
export const verdictBadge = (value: VerdictValue): Markup => html`<span class="badge ${value}">${VERDICT_MARKS[value]} ${value}</span>`;
