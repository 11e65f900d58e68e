import type { PairSummary } from '../../domain/reports/parity-report.js';
import { leaves } from './compare-answers.js';
import type { ComparedPrompt } from './compare-answers.js';
import { shareOf } from './intervals.js';
import type { Cluster } from './intervals.js';

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** By document, over those of which there is anything: how many values the prompts have, and their sum. */
export function clustersOf(prompts: readonly ComparedPrompt[], of: (prompt: ComparedPrompt) => Cluster): Cluster[] {
  const clusters = new Map<number, Cluster>();
  for (const prompt of prompts) {
    const before = clusters.get(prompt.document) ?? { size: 0, sum: 0 };
    const { size, sum: more } = of(prompt);
    clusters.set(prompt.document, { size: before.size + size, sum: before.sum + more });
  }
  return [...clusters.values()].filter(({ size }) => size > 0);
}

export const agreementClusters = (prompts: readonly ComparedPrompt[]): Cluster[] => clustersOf(prompts, ({ positions, agreed }) => ({ size: positions, sum: agreed }));

export const documentsOf = (prompts: readonly ComparedPrompt[]): number => new Set(prompts.map(({ document }) => document)).size;

/**
 * Sums up the prompts that both sides answered.
 * @param maxGap a divergence at which the reference has both tokens nearer than this, in nats, is a near tie
 */
export function summarise(prompts: readonly ComparedPrompt[], maxGap: number): PairSummary {
  const { value, interval } = shareOf(agreementClusters(prompts));
  const errors = prompts.flatMap((prompt) => prompt.errors).sort((a, b) => a - b);
  const inclusion = prompts.flatMap((prompt) => prompt.inclusion);
  const divergences = prompts.filter(({ agreed, positions }) => agreed < positions).map(({ agreed }) => agreed).sort((a, b) => a - b);
  return {
    prompts: prompts.length,
    documents: documentsOf(prompts),
    positions: sum(prompts.map(({ positions }) => positions)),
    agreement: value,
    agreementInterval: [interval[0], interval[1]],
    identical: prompts.length - divergences.length,
    leaving: prompts.filter((prompt) => leaves(prompt, maxGap)).length,
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
