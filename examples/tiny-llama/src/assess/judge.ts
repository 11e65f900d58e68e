// The verdict: where the interval of each measure lies to the bound of the declared bar.
import { meanOf, shareOf, shareOfWindows, type Estimate } from './intervals.js';
import type { AssessParams } from './params.js';
import type { HeldOutScore } from './score.js';

export interface Measured {
  heldOut: HeldOutScore;
  cloze: { items: number; solved: number };
}

export interface Judgement {
  value: 'pass' | 'fail' | 'inconclusive';
  reasons: string[];
}

export interface Estimates {
  loss: Estimate;
  nextByte: Estimate;
  cloze: Estimate;
}

type Side = 'inside' | 'outside' | 'across';

export const estimatesOf = ({ heldOut, cloze }: Measured): Estimates => ({
  loss: meanOf(heldOut.losses),
  nextByte: shareOfWindows(heldOut.correct, heldOut.window),
  cloze: shareOf(cloze.solved, cloze.items),
});

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const nats = (loss: number): string => loss.toFixed(3);

/** As `95 %: 0.310 to 0.352`. */
export const intervalText = ({ interval: { low, high } }: Estimate, format: (value: number) => string): string => `95 %: ${format(low)} to ${format(high)}`;

function atMost({ value, interval: { low, high } }: Estimate, bound: number): Side {
  // A loss that is no number is not a close one.
  if (Number.isNaN(value) || low > bound) return 'outside';
  return high <= bound ? 'inside' : 'across';
}

function atLeast({ interval: { low, high } }: Estimate, bound: number): Side {
  if (low >= bound) return 'inside';
  return high < bound ? 'outside' : 'across';
}

/**
 * An interval inside its bound passes and one outside fails; one across it decides nothing, like too little to measure. What
 * fails clearly fails whatever the others say. Reasons: the deciding ones first.
 */
export function judge(measured: Measured, { bar, minTokens, minClozeItems }: AssessParams): Judgement {
  const tokens = measured.heldOut.losses.length * measured.heldOut.window;
  const { items } = measured.cloze;
  const scant = [
    ...(tokens < minTokens ? [`only ${tokens} held-out tokens; ${minTokens} are needed`] : []),
    ...(items < minClozeItems ? [`only ${items} cloze items; ${minClozeItems} are needed`] : []),
  ];
  if (scant.length > 0) return { value: 'inconclusive', reasons: scant };
  const { loss, nextByte, cloze } = estimatesOf(measured);
  const checks: { side: Side; text: string }[] = [
    { side: atMost(loss, bar.maxHeldOutLoss), text: `held-out loss ${nats(loss.value)} nats a byte (${intervalText(loss, nats)}); at most ${bar.maxHeldOutLoss}` },
    { side: atLeast(nextByte, bar.minNextByteAccuracy), text: `next byte right in ${percent(nextByte.value)} (${intervalText(nextByte, percent)}); at least ${percent(bar.minNextByteAccuracy)}` },
    { side: atLeast(cloze, bar.minClozeAccuracy), text: `cloze right in ${percent(cloze.value)} (${intervalText(cloze, percent)}); at least ${percent(bar.minClozeAccuracy)}` },
  ];
  const of = (side: Side): string[] => checks.filter((check) => check.side === side).map(({ text }) => (side === 'across' ? `${text}: too close to tell` : text));
  const [outside, across, inside] = [of('outside'), of('across'), of('inside')];
  return { value: outside.length > 0 ? 'fail' : across.length > 0 ? 'inconclusive' : 'pass', reasons: [...outside, ...across, ...inside] };
}
