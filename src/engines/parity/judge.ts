import * as z from 'zod';
import type { PairSummary } from '../../domain/reports/parity-report.js';
import type { Verdict } from '../../domain/reports/verdict.js';
import { leaves } from './compare-answers.js';
import type { ComparedPrompt } from './compare-answers.js';
import { meanOf, MIN_CLUSTERS, shareOf } from './intervals.js';
import type { Cluster, Estimate } from './intervals.js';
import { agreementClusters, clustersOf, documentsOf, sum, summarise } from './summarise.js';

const Share = z.number().min(0).max(1);

/** What a candidate has to keep to. Errors are absolute differences of logprobs, in nats. */
export const ParityBounds = z.strictObject({
  minAgreement: Share.describe('Least share of positions, under the same context, with the reference\'s token.'),
  maxMeanLogprobError: z.number().positive(),
  maxP99LogprobError: z.number().positive().describe('At most one position in a hundred may be further off.'),
  minTopKInclusion: Share,
  minPositions: z.number().int().positive().describe('Fewer compared positions are inconclusive.'),
  minPrompts: z.number().int().min(MIN_CLUSTERS).default(30).describe('Prompts of fewer documents are inconclusive: other parts of one document are no independent prompts.'),
  maxUnexplained: Share.default(0.05).describe('Most answers that leave the reference where that is no near tie: the share itself, and its upper 95 % limit at most 0.1 above.'),
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
  /** The two servers serve artifacts that are known to differ, by one model name. */
  oneNameForTwo?: boolean;
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
  /** How far the interval may reach beyond the bound, for a value that keeps it. */
  margin?: number;
  show: (value: number) => string;
  /** More about the candidate's value, for the reason. */
  detail: (pair: PairSummary) => string;
}

const P99_EXCEPTIONS = 0.01;
/**
 * How alike the largest errors of one document are, where there are none over the bound to see it from. In the example
 * tiny-llama, BF16 against FP32, over three sets of prompts, errors over their 95th to 99th percentile correlate by 0.00
 * to 0.02 within a prompt, and those over their median by 0.02 to 0.04.
 */
const ERROR_ICC = 0.02;
/** Thirty prompts without any such answer have an upper limit of 0.12; one of thirty has 0.18, and two of them do not keep 0.05. */
const UNEXPLAINED_MARGIN = 0.1;
/** A candidate that gives each of two tokens another logprob by at most the bound swaps them only where the reference has them twice as near. */
export const maxGapOf = ({ maxP99LogprobError }: Pick<ParityBounds, 'maxP99LogprobError'>): number => 2 * maxP99LogprobError;

/**
 * The verdict on a candidate. Each check is judged as in a non-inferiority trial (ICH E9, 3.3.2; Piaggio et al. 2012,
 * JAMA 308:2594): by where the 95 % interval lies, not the estimate alone. Outside its bound with the whole interval is
 * `outside`, inside with the whole interval is `inside`, and an interval across the bound is `unclear`. A check whose
 * bound the reference misses against itself is `unclear` too: what it measures there is noise. `fail` needs one check
 * outside; `pass` needs every one inside, every prompt answered whole, every logprob finite, enough positions and
 * prompts of enough documents; all else is `inconclusive`.
 *
 * Shares of positions say little of answers that are lost: nothing is compared after a divergence, so an answer that is
 * garbage from its first token is one position beside the hundreds of one that is kept. So answers are counted as well:
 * those that leave the reference where that is no near tie. A sound candidate has next to none. Their share has to keep
 * the bound, and since a few dozen prompts can't prove a share that small, the interval may reach a margin beyond it:
 * by default 5 % seen, and no more than 15 % possible.
 */
export function judge({ asked, pair, noise, bounds, oneNameForTwo = false }: Judged): Verdict {
  const summary = summarise(pair, maxGapOf(bounds));
  // Doubts first: where a server computes NaN, each check is unclear as well, and tells less.
  const findings = [...doubtsOf({ asked, pair, noise, bounds, oneNameForTwo }, summary), ...checksOf(bounds).map((check) => findingOf(check, pair, noise, summary))];
  const value = findings.some(({ side }) => side === 'outside') ? 'fail' : findings.some(({ side }) => side === 'unclear') ? 'inconclusive' : 'pass';
  const order: Side[] = ['outside', 'unclear', 'inside'];
  const reasons = findings.toSorted((a, b) => order.indexOf(a.side) - order.indexOf(b.side)).map(({ reason }) => reason);
  return { value, reasons: [...reasons, ...divergencesOf(pair, bounds), noiseOf(noise, bounds)].map((reason) => reason.slice(0, 300)) };
}

/** An interval of a mean may reach beyond what a share can be. */
const percent = (value: number): string => `${Number((Math.min(1, Math.max(0, value)) * 100).toFixed(2))} %`;
const nats = (value: number): string => (Number.isFinite(value) ? `${Number(value.toPrecision(3))}` : 'unknown');

function checksOf(bounds: ParityBounds): Check[] {
  const clusters = (prompts: readonly ComparedPrompt[], valuesOf: (prompt: ComparedPrompt) => number[]): Cluster[] =>
    clustersOf(prompts, (prompt) => {
      const values = valuesOf(prompt);
      return { size: values.length, sum: sum(values) };
    });
  const maxGap = maxGapOf(bounds);
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
      // icc 1: other parts of a document add nothing where no answer leaves.
      name: `answers that leave the reference by more than a near tie (${nats(maxGap)})`,
      of: (prompts) => shareOf(clusters(prompts, (prompt) => [leaves(prompt, maxGap) ? 1 : 0]), { icc: 1 }),
      must: 'at most',
      bound: bounds.maxUnexplained,
      margin: UNEXPLAINED_MARGIN,
      show: percent,
      detail: ({ prompts, leaving = 0 }) => `, ${leaving} of ${prompts}`,
    },
    {
      name: 'mean logprob error',
      of: (prompts) => meanOf(clusters(prompts, ({ errors }) => errors)),
      must: 'at most',
      bound: bounds.maxMeanLogprobError,
      show: nats,
      detail: () => '',
    },
    {
      // Woodruff's way to a quantile's interval (1952, JASA 47:635): through the share that lies beyond the bound.
      name: `positions with a logprob error over ${nats(bounds.maxP99LogprobError)}`,
      of: (prompts) => shareOf(clusters(prompts, ({ errors }) => errors.map((error) => (error > bounds.maxP99LogprobError ? 1 : 0))), { icc: ERROR_ICC }),
      must: 'at most',
      bound: P99_EXCEPTIONS,
      show: percent,
      detail: ({ logprobError }) => `, p99 ${nats(logprobError.p99)}, largest ${nats(logprobError.max)}`,
    },
    {
      name: 'top-k inclusion',
      of: (prompts) => meanOf(clusters(prompts, ({ inclusion }) => inclusion)),
      must: 'at least',
      bound: bounds.minTopKInclusion,
      show: percent,
      detail: () => '',
    },
  ];
}

function findingOf({ name, of, must, bound, margin = 0, show, detail }: Check, pair: readonly ComparedPrompt[], noise: readonly ComparedPrompt[], summary: PairSummary): Finding {
  const { value, interval } = of(pair);
  const [low, high] = interval;
  const known = Number.isFinite(low) && Number.isFinite(high);
  const measured = `${name} ${show(value)}${known ? ` (95 % interval ${show(low)} to ${show(high)})` : ''}${detail(summary)}`;
  const wanted = `${must} ${show(bound)}${margin === 0 ? '' : `, its interval ${must} ${show(bound + margin)}`}`;
  const floor = of(noise).value;
  if (must === 'at least' ? floor < bound : floor > bound) {
    return { side: 'unclear', reason: `${measured}: the reference against itself has ${show(floor)}, so the bound of ${must} ${show(bound)} can't tell a candidate from noise` };
  }
  const [inside, outside] = must === 'at least' ? [low >= bound, high < bound] : [value <= bound && high <= bound + margin, low > bound];
  if (inside) return { side: 'inside', reason: `${measured}: ${wanted} as required` };
  if (outside) return { side: 'outside', reason: `${measured}: must be ${wanted}` };
  return { side: 'unclear', reason: `${measured}: the interval lies across the bound of ${wanted}; more prompts may tell` };
}

/** What keeps a comparison from passing whatever its numbers are. */
function doubtsOf({ asked, pair, noise, bounds, oneNameForTwo = false }: Judged, { positions, prompts, identical, logprobError }: PairSummary): Finding[] {
  const doubts: string[] = [];
  if (oneNameForTwo && prompts > 0 && identical === prompts && logprobError.max === 0) {
    doubts.push('bit-equal answers of two different artifacts, which both servers call by one name: is the candidate the converted model?');
  }
  const answered = Math.min(pair.length, noise.length);
  if (answered < asked) doubts.push(`${asked - answered} of ${asked} prompts were not answered by both sides: what they would have shown is unknown`);
  const early = Math.max(...[pair, noise].map((side) => side.filter((prompt) => prompt.early).length));
  if (early > 0) doubts.push(`${early} of ${asked} answers end earlier than asked: a server does not know ignore_eos, or gives up`);
  const documents = documentsOf(pair);
  if (documents < bounds.minPrompts) doubts.push(`prompts of ${documents} documents were compared: at least ${bounds.minPrompts} are required`);
  if (positions < bounds.minPositions) doubts.push(`${positions} positions were compared: at least ${bounds.minPositions} are required`);
  const nonFinite = sum([...pair, ...noise].map((prompt) => prompt.nonFinite));
  if (nonFinite > 0) doubts.push(`${nonFinite} positions have no finite logprob: a server computes NaN or infinity, or leaves logprobs out`);
  return doubts.map((reason) => ({ side: 'unclear', reason }));
}

function divergencesOf(pair: readonly ComparedPrompt[], bounds: ParityBounds): string[] {
  const diverging = pair.filter(({ agreed, positions }) => agreed < positions);
  if (diverging.length === 0) return [];
  const maxGap = maxGapOf(bounds);
  const ties = diverging.filter(({ gap }) => gap !== undefined && gap <= maxGap).length;
  return [`of ${diverging.length} divergences ${ties} are near ties, at which the reference finds both tokens within ${nats(maxGap)} nats`];
}

function noiseOf(noise: readonly ComparedPrompt[], bounds: ParityBounds): string {
  const { agreement, logprobError, topKInclusion } = summarise(noise, maxGapOf(bounds));
  return `noise floor, the reference asked twice: agreement ${percent(agreement)}, mean logprob error ${nats(logprobError.mean)}, p99 ${nats(logprobError.p99)}, top-k inclusion ${percent(topKInclusion)}`;
}
