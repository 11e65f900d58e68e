import type { PairSummary, ParityReport } from '../../../domain/reports/parity-report.js';
import { html, type Markup, type Part } from './html.js';
import type { ReportInput } from './input.js';
import { evidenceSection, facts, figure, table, verdictLine, type Section } from './layout.js';
import { axisOver, axisWithin } from './scale.js';
import { histogram, scatter, type Bin } from './svg-chart.js';
import { count, digest, number, percent, plural } from './words.js';

const BINS = 20;

/** Whether the candidate answers as the reference does. */
export function paritySection({ evidence }: ReportInput): Section {
  return evidenceSection({ id: 'parity', title: 'Parity', finding: evidence.parity, body: parityBody });
}

function parityBody(report: ParityReport): Markup {
  const { verdict, reference, candidate, pair, noiseFloor, bounds, points } = report;
  const side = ({ model, backend }: ParityReport['reference']): Part => html`<code>${model}</code> on <strong>${backend}</strong>`;
  return html`${verdictLine(verdict)}${facts([
    ['Reference', side(reference)],
    ['Candidate', side(candidate)],
    ['Answers of at most', plural(report.maxTokens, 'token')],
    ['Prompts', html`${count(pair.prompts)} ${/^sha256:[0-9a-f]{64}$/.test(report.promptsDigest) ? digest(report.promptsDigest) : report.promptsDigest}`],
    ...Object.entries(bounds).map(([name, value]) => [`Bound: ${name}`, number(value)] as const),
  ])}${comparison(pair, noiseFloor, report.topK)}${points.length > 0 && html`<div class="pair">${agreementPlot(points)}${errorPlot(points, noiseFloor)}</div>`}`;
}

/** What counts, for the candidate and for the reference asked twice: the latter is what no candidate can be better than. */
function comparison(pair: PairSummary, floor: PairSummary, topK: number): Markup {
  const rows: [string, (of: PairSummary) => string][] = [
    ['Same token chosen', (of) => percent(of.agreement)],
    ['95 % interval of that', ({ agreementInterval: [low, high] }) => `${percent(low)} – ${percent(high)}`],
    ['Positions compared', (of) => count(of.positions)],
    ['Identical answers', (of) => `${count(of.identical)} of ${count(of.prompts)}`],
    ['First divergence, earliest', ({ firstDivergence }) => (firstDivergence === undefined ? 'none' : `position ${count(firstDivergence.min)}`)],
    ['First divergence, median', ({ firstDivergence }) => (firstDivergence === undefined ? 'none' : `position ${number(firstDivergence.median)}`)],
    ['Logprob error, mean (nats)', (of) => number(of.logprobError.mean)],
    ['Logprob error, median', (of) => number(of.logprobError.p50)],
    ['Logprob error, 99th percentile', (of) => number(of.logprobError.p99)],
    ['Logprob error, largest', (of) => number(of.logprobError.max)],
    [`Reference’s top ${topK} in the candidate’s`, (of) => percent(of.topKInclusion)],
  ];
  const compared = table(
    'The candidate against the reference, beside the noise floor: the reference against itself, asked a second time',
    [{ title: 'Measure' }, { title: 'Candidate', right: true }, { title: 'Noise floor', right: true }],
    rows.map(([name, of]) => [name, of(pair), of(floor)]),
  );
  return html`<div class="narrow">${compared}</div>`;
}

type Points = ParityReport['points'];

function agreementPlot(points: Points): Markup {
  const isWhole = ({ agreed, of }: Points[number]): boolean => agreed >= of;
  const whole = points.filter(isWhole).length;
  const chart = scatter({
    label: `${plural(points.length, 'prompt')}: ${whole} agree to the end, ${points.length - whole} diverge before it.`,
    x: axisWithin('tokens alike before the answers part', 0, points.reduce((most, { of }) => Math.max(most, of), 0)),
    y: axisOver('mean logprob error (nats)', points.map(({ meanError }) => meanError), { fromZero: true }),
    keys: [
      { name: 'agree', label: `alike to the end (${whole})` },
      { name: 'diverge', label: `part before it (${points.length - whole})` },
    ],
    // Those that part are few and are drawn last, over the others.
    points: points
      .toSorted((a, b) => Number(isWhole(b)) - Number(isWhole(a)))
      .map((p) => ({ name: isWhole(p) ? 'agree' : 'diverge', x: p.agreed, y: p.meanError, title: `prompt ${p.prompt}: ${p.agreed} of ${p.of} alike, error ${number(p.meanError)}, at most ${number(p.maxError)}` })),
  });
  return figure('Agreement: a dot for each prompt.', chart);
}

function errorPlot(points: Points, floor: PairSummary): Markup {
  const errors = points.map(({ meanError }) => meanError);
  const x = axisOver('mean logprob error of a prompt (nats)', errors, { fromZero: true });
  const width = (x.max - x.min) / BINS;
  const bins: Bin[] = Array.from({ length: BINS }, (_, i) => ({ from: x.min + i * width, to: x.min + (i + 1) * width, count: 0, title: '' }));
  for (const error of errors) {
    const bin = bins[Math.min(BINS - 1, Math.floor((error - x.min) / width))];
    if (bin !== undefined) bin.count += 1;
  }
  for (const bin of bins) bin.title = `${number(bin.from)} to ${number(bin.to)}: ${plural(bin.count, 'prompt')}`;
  const chart = histogram({ label: `How the mean logprob errors of ${plural(points.length, 'prompt')} are spread, up to ${number(Math.max(...errors))}.`, x, y: axisOver('prompts', bins.map((bin) => bin.count), { fromZero: true }), bins, name: 'plain' });
  return figure(`Spread of the errors. The reference against itself: mean ${number(floor.logprobError.mean)}, largest ${number(floor.logprobError.max)}.`, chart);
}
