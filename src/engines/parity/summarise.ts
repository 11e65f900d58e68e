import type { PairSummary } from '../../domain/reports/parity-report.js';
import type { ComparedPrompt } from './compare-answers.js';
import { shareOf } from './intervals.js';
import type { Cluster } from './intervals.js';

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

export const agreementClusters = (prompts: readonly ComparedPrompt[]): Cluster[] => prompts.map(({ positions, agreed }) => ({ size: positions, sum: agreed }));

/** Sums up the prompts that both sides answered. */
export function summarise(prompts: readonly ComparedPrompt[]): PairSummary {
  const { value, interval } = shareOf(agreementClusters(prompts));
  const errors = prompts.flatMap((prompt) => prompt.errors).sort((a, b) => a - b);
  const inclusion = prompts.flatMap((prompt) => prompt.inclusion);
  const divergences = prompts.filter(({ agreed, positions }) => agreed < positions).map(({ agreed }) => agreed).sort((a, b) => a - b);
  return {
    prompts: prompts.length,
    positions: sum(prompts.map(({ positions }) => positions)),
    agreement: value,
    agreementInterval: [interval[0], interval[1]],
    identical: prompts.length - divergences.length,
    ...(divergences.length === 0 ? {} : { firstDivergence: { min: divergences[0] as number, median: median(divergences) } }),
    logprobError: { mean: errors.length === 0 ? 0 : sum(errors) / errors.length, p50: quantile(errors, 0.5), p99: quantile(errors, 0.99), max: errors.at(-1) ?? 0 },
    topKInclusion: inclusion.length === 0 ? 0 : sum(inclusion) / inclusion.length,
  };
}

/** The smallest value that at least this share of the values does not exceed; 0 of none. `sorted` ascends. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

function median(sorted: readonly number[]): number {
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] as number) + (sorted[Math.floor(middle)] as number)) / 2;
}
