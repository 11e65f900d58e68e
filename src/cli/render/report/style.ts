import { html } from './html.js';

/** Colours are told apart in both schemes and by those who see few; each also has a word or a sign beside it. */
export const STYLE = html`<style>
:root {
  color-scheme: light dark;
  --ground: #ffffff; --panel: #f5f7f9; --text: #1b2027; --muted: #59636e; --line: #d5dbe1; --grid: #e6eaee;
  --blue: #1f6fc9; --blue-soft: #9cc2ec; --green: #1a7a3c; --red: #c4302b; --amber: #8a5a00; --grey: #6e7781; --orange: #c2560c;
  --warn-ground: #fff6dd; --warn-line: #d9a520; --bad-ground: #fdecea; --bad-line: #d6544e; --in-bar: #ffffff; --server: #5b6b80;
  --hatch: #d9a520; --hatch-ground: #fff3d0;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --ground: #0f1318; --panel: #171d24; --text: #e4e9ef; --muted: #9aa5b1; --line: #303842; --grid: #232a32;
    --blue: #5ea4f0; --blue-soft: #2c5583; --green: #4fbf73; --red: #ff7a70; --amber: #e0ac3f; --grey: #76808b; --orange: #f2914d;
    --warn-ground: #2b230d; --warn-line: #a07a1c; --bad-ground: #31171a; --bad-line: #b0443f; --in-bar: #0b0e12; --server: #8c9db3;
    --hatch: #a07a1c; --hatch-ground: #2b230d;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--text); font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 24px 20px 40px; }
h1 { font-size: 26px; line-height: 1.2; margin: 0 0 12px; overflow-wrap: anywhere; }
h1 .version { font-weight: 400; color: var(--muted); }
h2 { font-size: 18px; margin: 0 0 10px; }
section { padding: 20px 0 6px; border-top: 1px solid var(--line); margin-top: 18px; }
section.empty { display: grid; grid-template-columns: 230px 1fr; gap: 12px; align-items: baseline; margin-top: 0; padding: 9px 0; } section.empty h2 { font-size: 14px; margin: 0; } section.empty p { margin: 0; } section.empty > div { min-width: 0; }
section.empty + section:not(.empty) { margin-top: 0; }
p { margin: 6px 0; }
a { color: var(--blue); }
code { font: 12px/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; overflow-wrap: anywhere; }
code.command { background: var(--panel); padding: 2px 5px; border-radius: 3px; }
.muted, caption, figcaption, .source, footer { color: var(--muted); }
.source { font-size: 12px; }
.bad-text, .problem strong { color: var(--red); }
ul { margin: 6px 0; padding-left: 20px; }
nav { display: flex; flex-wrap: wrap; gap: 4px 14px; margin: 14px 0 16px; font-size: 13px; }
nav a { text-decoration: none; } nav a:hover { text-decoration: underline; } nav a.empty { color: var(--muted); }
.badge { display: inline-block; padding: 0 8px; border: 1px solid var(--grey); border-radius: 10px; font-size: 12px; font-weight: 600; line-height: 1.5; white-space: nowrap; color: var(--muted); vertical-align: middle; }
.badge.pass, .badge.done, .badge.completed, .badge.approve { color: var(--green); border-color: var(--green); }
.badge.fail, .badge.failed, .badge.lost, .badge.reject, .badge.rejected, .badge.terminated { color: var(--red); border-color: var(--red); }
.badge.waiting, .badge.inconclusive { color: var(--amber); border-color: var(--amber); }
.badge.running, .badge.placed { color: var(--blue); border-color: var(--blue); }
.banner { border: 1px solid; border-left-width: 4px; border-radius: 4px; padding: 8px 12px; margin: 12px 0; overflow-wrap: anywhere; }
.banner.warn { background: var(--warn-ground); border-color: var(--warn-line); }
.banner.bad { background: var(--bad-ground); border-color: var(--bad-line); }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(165px, 1fr)); gap: 10px; margin: 14px 0 4px; }
.card { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 10px 12px; }
.card-title { font-size: 12px; color: var(--muted); margin-bottom: 5px; }
.card-note { font-size: 12px; margin-top: 5px; overflow-wrap: anywhere; }
.facts { display: flex; flex-wrap: wrap; gap: 6px 26px; margin: 8px 0; }
.facts dt { font-size: 12px; color: var(--muted); } .facts dd { margin: 0; overflow-wrap: anywhere; }
.facts > div { max-width: 100%; }
.verdict { display: flex; gap: 12px; align-items: baseline; margin: 4px 0 8px; } .verdict ul { margin: 0; padding-left: 18px; }
.scroll { overflow-x: auto; margin: 10px 0; }
table { border-collapse: collapse; width: 100%; font-size: 13px; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-size: 12px; padding-bottom: 4px; }
th, td { text-align: left; vertical-align: top; padding: 4px 14px 4px 0; border-bottom: 1px solid var(--grid); }
th:last-child, td:last-child { padding-right: 0; }
thead th { font-size: 12px; color: var(--muted); font-weight: 600; border-bottom-color: var(--line); white-space: nowrap; vertical-align: bottom; }
tbody th { font-weight: 500; }
.right { text-align: right; } td.right, time { white-space: nowrap; }
.wide { width: 34%; min-width: 110px; vertical-align: middle; }
.figure { margin-right: 8px; }
.output, .key { font-size: 12px; }
.key code { color: var(--muted); } .whole { white-space: nowrap; }
.names { columns: 2; font-size: 13px; }
details.fold { display: inline-block; vertical-align: top; max-width: 100%; }
summary { cursor: pointer; } details.fold summary { list-style: none; } details.fold summary::-webkit-details-marker { display: none; }
details.fold summary code { border-bottom: 1px dotted var(--grey); white-space: nowrap; }
.text { min-width: 200px; } .output .fold { display: block; } .key details.fold summary code { white-space: normal; }
code.full { display: block; overflow-wrap: anywhere; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 0 32px; align-items: start; }
.pair > * { min-width: 0; }
.narrow { max-width: 640px; }
.gate { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 6px 12px; margin: 10px 0; overflow-wrap: anywhere; }
figure { margin: 10px 0; } figcaption { font-size: 12px; margin-top: 4px; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; list-style: none; padding: 0; margin: 4px 0 8px; font-size: 12px; } .legend svg { margin-right: 6px; }
svg { display: block; overflow: visible; } .legend svg { display: inline; } svg.clip { overflow: hidden; } svg.defs { position: absolute; }
svg text { font-size: 11.5px; fill: var(--muted); font-family: inherit; }
.gantt-row { display: grid; grid-template-columns: 128px 1fr 132px; gap: 10px; align-items: start; padding: 3px 0; border-bottom: 1px solid var(--grid); }
.gantt-row.axis { padding: 0; }
.gantt-name { font-weight: 500; font-size: 13px; } .gantt-time { font-size: 12px; color: var(--muted); text-align: right; line-height: 19px; }
.chart { display: grid; grid-template-columns: 58px 1fr; padding: 0 6px 0 0; }
.chart .ytitle { grid-column: 1 / -1; font-size: 12px; color: var(--muted); margin-bottom: 8px; }
.chart .xaxis { grid-column: 2; } .chart .xtitle { grid-column: 2; text-align: center; font-size: 12px; color: var(--muted); }
.grid { stroke: var(--grid); } .base { stroke: var(--grey); } .mark { stroke: var(--muted); stroke-dasharray: 4 3; } .stage-span { stroke: var(--grey); stroke-width: 1.5; }
.bound { stroke: var(--text); stroke-width: 2; } .track { fill: var(--grid); }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; } .line.train { stroke: var(--blue); } .line.held-out { stroke: var(--orange); stroke-width: 2.2; }
.dot.train, .swatch.train { fill: var(--blue); } .dot.held-out, .swatch.held-out { fill: var(--orange); }
.dot.agree, .swatch.agree { fill: var(--blue); fill-opacity: .55; } .dot.diverge, .swatch.diverge { fill: var(--ground); stroke: var(--orange); stroke-width: 2; }
.bar.plain { fill: var(--blue); } .bar.kept, .bar.done, .swatch.done { fill: var(--green); } .bar.dropped { fill: var(--grey); } .bar.below, .bar.failed, .swatch.failed { fill: var(--red); }
.bar.live, .swatch.live { fill: var(--blue); } .bar.ended, .swatch.ended { fill: var(--grey); } .bar.server, .swatch.server { fill: var(--server); }
.bar.human, .swatch.human { fill: url(#hatch); stroke: var(--hatch); } .hatch-ground { fill: var(--hatch-ground); } .hatch-line { fill: var(--hatch); }
svg text.in-bar { fill: var(--in-bar); font-size: 11px; } svg text.in-bar.server { font-size: 9.5px; } svg text.in-bar.human { fill: var(--text); stroke: var(--hatch-ground); stroke-width: 4px; paint-order: stroke; font-weight: 600; } .dots { fill: url(#dots); } .dots-dot { fill: var(--in-bar); fill-opacity: .35; } .in-bar { paint-order: stroke; stroke-width: 3px; } .in-bar.done { stroke: var(--green); } .in-bar.failed { stroke: var(--red); } .in-bar.live { stroke: var(--blue); } .in-bar.ended { stroke: var(--grey); } .in-bar.server { stroke: var(--server); } .swatch.simulated { fill: var(--text); fill-opacity: .15; } .faded { opacity: .45; }
footer { border-top: 1px solid var(--line); margin-top: 24px; padding-top: 12px; font-size: 12px; }
@media screen and (max-width: 700px) {
  main { padding: 16px 12px 32px; }
  .pair { grid-template-columns: 1fr; } .names { columns: 1; }
  .gantt-row { grid-template-columns: 1fr auto; row-gap: 0; } .gantt-row svg { grid-column: 1 / -1; grid-row: 2; } .gantt-row.axis svg { grid-row: 1; }
  section.empty { grid-template-columns: 1fr; gap: 2px; } .cards { grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); }
  .verdict { flex-direction: column; gap: 4px; }
  th, td { padding-right: 9px; } thead th { white-space: normal; } tbody th:not(.right) { min-width: 96px; } tbody th > code { overflow-wrap: break-word; } .wide { width: auto; min-width: 84px; }
}
@media print {
  body { font-size: 11px; } table, .badge, .facts dt, .card-title, .output, .legend, figcaption, .source, .gantt-name, .gantt-time { font-size: 10px; } thead th, caption, .card-note, code { font-size: 9.5px; } th, td { padding-right: 8px; } thead th, .whole, time, td.right, details.fold summary code { white-space: normal; } .text, .wide { min-width: 0; } main { max-width: none; padding: 0; } nav { display: none; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  section, figure, tr, .gate, .card { break-inside: avoid; } section { break-inside: auto; } h2 { break-after: avoid; } .scroll { overflow: visible; }
}
</style>`;
