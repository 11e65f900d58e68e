import * as z from 'zod';
import type { PairSummary } from '../../domain/reports/parity-report.js';
import type { Verdict } from '../../domain/reports/verdict.js';
import type { ComparedPrompt } from './compare-answers.js';
import { meanOf, MIN_CLUSTERS, shareOf } from './intervals.js';
import type { Cluster, Estimate } from './intervals.js';
import { agreementClusters, sum, summarise } from './summarise.js';

const Share = z.number().min(0).max(1);

/** What a candidate has to keep to. Errors are absolute differences of logprobs, in nats. */
export const ParityBounds = z.strictObject({
  minAgreement: Share.describe('Least share of positions, under the same context, with the reference\'s token.'),
  maxMeanLogprobError: z.number().positive(),
  maxP99LogprobError: z.number().positive().describe('At most one position in a hundred may be further off.'),
  minTopKInclusion: Share,
  minPositions: z.number().int().positive().describe('Fewer compared positions are inconclusive.'),
  maxUnexplained: Share.default(0.15).describe('Most answers that leave the reference where that is no near tie.'),
});
export type ParityBounds = z.infer<typeof ParityBounds>;

export interface Judged {
  /** How many prompts were asked; those that a side did not answer are in neither list below. */
  asked: number;
  /** The candidate against the reference. */
  pair: readonly ComparedPrompt[];
  /** The reference against itself. */
  noise: readonly ComparedPrompt[];
  bounds: ParityBounds;
}

type Side = 'inside' | 'outside' | 'unclear';

interface Finding {
  side: Side;
  reason: string;
}

interface Check {
  name: string;
  /** What is estimated, and on which side of `bound` it has to be. */
  of: (prompts: readonly ComparedPrompt[]) => Estimate;
  must: 'at least' | 'at most';
  bound: number;
  show: (value: number) => string;
  /** More about the candidate's value, for the reason. */
  detail: (pair: PairSummary) => string;
}

/** A divergence at which the reference finds both tokens this near to each other, in nats, is decided by rounding. */
const NEAR_TIE = 0.1;
const P99_EXCEPTIONS = 0.01;

/**
 * The verdict on a candidate. Each check is judged as in a non-inferiority trial (ICH E9, 3.3.2; Piaggio et al. 2012,
 * JAMA 308:2594): by where the 95 % interval lies, not the estimate alone. Outside its bound with the whole interval is
 * `outside`, inside with the whole interval is `inside`, and an interval across the bound is `unclear`. A check whose
 * bound the reference misses against itself is `unclear` too: what it measures there is noise. `fail` needs one check
 * outside; `pass` needs every one inside, every prompt answered, every logprob finite and enough positions; all else is
 * `inconclusive`.
 */
export function judge({ asked, pair, noise, bounds }: Judged): Verdict {
  const summary = summarise(pair);
  const findings = [...checksOf(bounds).map((check) => findingOf(check, pair, noise, summary)), ...doubtsOf({ asked, pair, noise, bounds }, summary)];
  const value = findings.some(({ side }) => side === 'outside') ? 'fail' : findings.some(({ side }) => side === 'unclear') ? 'inconclusive' : 'pass';
  const order: Side[] = ['outside', 'unclear', 'inside'];
  const reasons = findings.toSorted((a, b) => order.indexOf(a.side) - order.indexOf(b.side)).map(({ reason }) => reason);
  return { value, reasons: [...reasons, ...divergencesOf(pair), noiseOf(noise)].map((reason) => reason.slice(0, 300)) };
}

const percent = (value: number): string => `${Number((value * 100).toFixed(2))} %`;
const nats = (value: number): string => (Number.isFinite(value) ? `${Number(value.toPrecision(3))}` : 'unknown');

/** A candidate within the bound on each of two tokens swaps them only where the reference has them this near. */
const leaves = ({ agreed, positions, gap }: ComparedPrompt, { maxP99LogprobError }: ParityBounds): boolean => agreed < positions && !(gap !== undefined && gap <= 2 * maxP99LogprobError);

function checksOf(bounds: ParityBounds): Check[] {
  const clustersOf = (prompts: readonly ComparedPrompt[], values: (prompt: ComparedPrompt) => number[]): Cluster[] =>
    prompts.map((prompt) => ({ size: values(prompt).length, sum: sum(values(prompt)) })).filter(({ size }) => size > 0);
  return [
    {
      name: 'agreement',
      of: (prompts) => shareOf(agreementClusters(prompts)),
      must: 'at least',
      bound: bounds.minAgreement,
      show: percent,
      detail: ({ positions, prompts, identical }) => `, over ${positions} positions; ${identical} of ${prompts} answers identical`,
    },
    {
      name: 'mean logprob error',
      of: (prompts) => meanOf(clustersOf(prompts, ({ errors }) => errors)),
      must: 'at most',
      bound: bounds.maxMeanLogprobError,
      show: nats,
      detail: () => '',
    },
    {
      // Woodruff's way to a quantile's interval (1952, JASA 47:635): through the share that lies beyond the bound.
      name: `positions with a logprob error over ${nats(bounds.maxP99LogprobError)}`,
      of: (prompts) => shareOf(clustersOf(prompts, ({ errors }) => errors.map((error) => (error > bounds.maxP99LogprobError ? 1 : 0)))),
      must: 'at most',
      bound: P99_EXCEPTIONS,
      show: percent,
      detail: ({ logprobError }) => `, p99 ${nats(logprobError.p99)}, largest ${nats(logprobError.max)}`,
    },
    {
      // By prompts: an answer that is lost at once has one position, and would hardly count among those of the others.
      name: 'answers that leave the reference',
      of: (prompts) => shareOf(prompts.map((prompt) => ({ size: 1, sum: leaves(prompt, bounds) ? 1 : 0 }))),
      must: 'at most',
      bound: bounds.maxUnexplained,
      show: percent,
      detail: () => '',
    },
    {
      name: 'top-k inclusion',
      of: (prompts) => meanOf(clustersOf(prompts, ({ inclusion }) => inclusion)),
      must: 'at least',
      bound: bounds.minTopKInclusion,
      show: percent,
      detail: () => '',
    },
  ];
}

function findingOf({ name, of, must, bound, show, detail }: Check, pair: readonly ComparedPrompt[], noise: readonly ComparedPrompt[], summary: PairSummary): Finding {
  const { value, interval } = of(pair);
  const [low, high] = interval;
  const known = Number.isFinite(low) && Number.isFinite(high);
  const measured = `${name} ${show(value)}${known ? ` (95 % interval ${show(low)} to ${show(high)})` : ''}${detail(summary)}`;
  const floor = of(noise).value;
  if (must === 'at least' ? floor < bound : floor > bound) {
    return { side: 'unclear', reason: `${measured}: the reference against itself has ${show(floor)}, so the bound of ${must} ${show(bound)} can't tell a candidate from noise` };
  }
  const [inside, outside] = must === 'at least' ? [low >= bound, high < bound] : [high <= bound, low > bound];
  if (inside) return { side: 'inside', reason: `${measured}: ${must} ${show(bound)} as required` };
  if (outside) return { side: 'outside', reason: `${measured}: must be ${must} ${show(bound)}` };
  return { side: 'unclear', reason: `${measured}: the interval lies across the bound of ${must} ${show(bound)}; more prompts may tell` };
}

/** What keeps a comparison from passing whatever its numbers are. */
function doubtsOf({ asked, pair, noise, bounds }: Judged, { positions }: PairSummary): Finding[] {
  const doubts: string[] = [];
  const answered = Math.min(pair.length, noise.length);
  if (answered < asked) doubts.push(`${asked - answered} of ${asked} prompts were not answered by both sides: what they would have shown is unknown`);
  if (pair.length < MIN_CLUSTERS) doubts.push(`${pair.length} prompts were compared: at least ${MIN_CLUSTERS} are needed to see how much they differ`);
  if (positions < bounds.minPositions) doubts.push(`${positions} positions were compared: at least ${bounds.minPositions} are required`);
  const nonFinite = sum([...pair, ...noise].map((prompt) => prompt.nonFinite));
  if (nonFinite > 0) doubts.push(`${nonFinite} positions have no finite logprob: a server computes NaN or infinity, or leaves logprobs out`);
  return doubts.map((reason) => ({ side: 'unclear', reason }));
}

function divergencesOf(pair: readonly ComparedPrompt[]): string[] {
  const diverging = pair.filter(({ agreed, positions }) => agreed < positions);
  if (diverging.length === 0) return [];
  const ties = diverging.filter(({ gap }) => gap !== undefined && gap <= NEAR_TIE).length;
  return [`of ${diverging.length} divergences ${ties} are near ties, at which the reference finds both tokens within ${NEAR_TIE} nats`];
}

function noiseOf(noise: readonly ComparedPrompt[]): string {
  const { agreement, logprobError, topKInclusion } = summarise(noise);
  return `noise floor, the reference asked twice: agreement ${percent(agreement)}, mean logprob error ${nats(logprobError.mean)}, p99 ${nats(logprobError.p99)}, top-k inclusion ${percent(topKInclusion)}`;
}
