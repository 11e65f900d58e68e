import { html, type Markup } from './html.js';
import { fixed, percentOn, type Axis } from './scale.js';
import { number } from './words.js';

/*
 * Charts take the width that there is: positions along it are in percent, those across it in pixels. So text keeps its
 * size on a telephone as on paper, which a drawing that is scaled as a whole does not.
 */

const HEIGHT = 240;
const LEFT = 58;

/** A kind of mark in a chart: its style and what it stands for. */
export interface Key {
  /** A class of the style sheet, such as `train`. */
  name: string;
  label: string;
}

export interface Point {
  x: number;
  y: number;
  /** What a pointer that rests on it tells. */
  title?: string;
}

export interface Series extends Key {
  points: readonly Point[];
  /** Marks at each point, besides the line. */
  dots?: boolean;
}

interface Frame {
  /** What the chart shows and says, for those who hear the page. */
  label: string;
  x: Axis;
  y: Axis;
}

/** Lines over a common axis; `marks` are upright lines, such as where another attempt took over. */
export function lineChart({ series, marks = [], ...axes }: Frame & { series: readonly Series[]; marks?: readonly { x: number; label?: string }[] }): Markup {
  const { x, y } = axes;
  const path = (points: readonly Point[]): string => points.map((p) => `${fixed(10 * percentOn(x, p.x))},${fixed(1000 - 10 * percentOn(y, p.y))}`).join(' ');
  const lines = series.map(({ name, label, points }) => html`<polyline class="line ${name}" points="${path(points)}" vector-effect="non-scaling-stroke"><title>${label}</title></polyline>`);
  const dots = series.flatMap(({ name, points, dots: marked }) => (marked === true ? points.map((p) => dot(axes, p, name, 3.5)) : []));
  const uprights = marks.map(({ x: at, label }, i) => {
    const left = percentOn(x, at);
    const beyond = left > 60;
    return html`<line class="mark" x1="${fixed(left)}%" x2="${fixed(left)}%" y1="0" y2="${HEIGHT}"/>${label !== undefined && html`<text class="note" x="${fixed(left)}%" dx="${beyond ? -5 : 5}" y="${12 + (i % 3) * 15}" text-anchor="${beyond ? 'end' : 'start'}">${label}</text>`}`;
  });
  return frame(axes, html`${uprights}<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" width="100%" height="${HEIGHT}">${lines}</svg>${dots}`, series);
}

/** Points by two measures, each in the style of its key. */
export function scatter({ keys, points, ...axes }: Frame & { keys: readonly Key[]; points: readonly (Point & { name: string })[] }): Markup {
  return frame(axes, html`${points.map((p) => dot(axes, p, p.name, 4))}`, keys);
}

export interface Bin {
  from: number;
  to: number;
  count: number;
  title: string;
}

/** How often values fall into each of some ranges of equal width. */
export function histogram({ bins, name, ...axes }: Frame & { bins: readonly Bin[]; name: string }): Markup {
  const bars = bins.map(({ from, to, count, title }) => {
    const height = (HEIGHT * percentOn(axes.y, count)) / 100;
    const [left, right] = [percentOn(axes.x, from), percentOn(axes.x, to)];
    return html`<rect class="bar ${name}" x="${fixed(left + 0.15)}%" width="${fixed(Math.max(0.1, right - left - 0.3))}%" y="${fixed(HEIGHT - height)}" height="${fixed(height)}"><title>${title}</title></rect>`;
  });
  return frame(axes, html`${bars}`, []);
}

function dot({ x, y }: Frame, point: Point, name: string, radius: number): Markup {
  const cy = HEIGHT * (1 - percentOn(y, point.y) / 100);
  return html`<circle class="dot ${name}" cx="${fixed(percentOn(x, point.x))}%" cy="${fixed(cy)}" r="${radius}">${point.title !== undefined && html`<title>${point.title}</title>`}</circle>`;
}

function frame({ label, x, y }: Frame, body: Markup, keys: readonly Key[]): Markup {
  const level = (tick: number): string => fixed(HEIGHT * (1 - percentOn(y, tick) / 100));
  const end = x.ticks.at(-1);
  const anchor = (tick: number): string => (tick === end && percentOn(x, tick) > 97 ? 'end' : percentOn(x, tick) < 2 ? 'start' : 'middle');
  return html`<div class="chart"><div class="ytitle">${y.title}</div>
<svg class="yaxis" width="${LEFT}" height="${HEIGHT}" aria-hidden="true">${y.ticks.map((tick) => html`<text x="${LEFT - 8}" y="${level(tick)}" dy="4" text-anchor="end">${number(tick)}</text>`)}</svg>
<svg class="plot" width="100%" height="${HEIGHT}" role="img" aria-label="${label}">${y.ticks.map((tick) => html`<line class="grid" x1="0" x2="100%" y1="${level(tick)}" y2="${level(tick)}"/>`)}${body}<line class="base" x1="0" x2="100%" y1="${HEIGHT}" y2="${HEIGHT}"/></svg>
<svg class="xaxis" width="100%" height="22" aria-hidden="true">${x.ticks.map((tick) => html`<text x="${fixed(percentOn(x, tick))}%" y="16" text-anchor="${anchor(tick)}">${number(tick)}</text>`)}</svg>
<div class="xtitle">${x.title}</div></div>${keys.length > 1 && legend(keys)}`;
}

/** What the marks of a chart stand for. */
export const legend = (keys: readonly Key[]): Markup =>
  html`<ul class="legend">${keys.map(({ name, label }) => html`<li><svg width="14" height="10" aria-hidden="true"><rect class="swatch ${name}" width="14" height="10" rx="2"/></svg>${label}</li>`)}</ul>`;

/** A bar for the cell of a table: a share between 0 and 1, and where a bound is set, an upright line there. */
export function barCell(share: number, { name = 'plain', label, bound }: { name?: string; label: string; bound?: number }): Markup {
  const width = 100 * Math.min(1, Math.max(0, share));
  return html`<svg class="cell" width="100%" height="12" role="img" aria-label="${label}"><title>${label}</title><rect class="track" width="100%" height="12" rx="2"/>${width > 0 && html`<rect class="bar ${name}" width="${fixed(Math.max(0.5, width))}%" height="12" rx="2"/>`}${bound !== undefined && html`<line class="bound" x1="${fixed(100 * Math.min(1, Math.max(0, bound)))}%" x2="${fixed(100 * Math.min(1, Math.max(0, bound)))}%" y1="-2" y2="14"/>`}</svg>`;
}
