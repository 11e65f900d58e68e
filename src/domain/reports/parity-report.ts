import * as z from 'zod';
import { Verdict } from './verdict.js';

const Count = z.number().int().nonnegative();
const Share = z.number().min(0).max(1);
/** Of a sample: absolute errors of logprobs, in nats. */
const Errors = z.strictObject({ mean: z.number(), p50: z.number(), p99: z.number(), max: z.number() });

/** What two servers said to the same prompts, summed up. Positions after a divergence are not compared: their contexts differ. */
export const PairSummary = z.strictObject({
  prompts: Count,
  /** How many documents the prompts are parts of. */
  documents: Count.optional(),
  /** Generated positions with the same context on both sides. */
  positions: Count,
  /** Share of those positions at which both chose the same token. */
  agreement: Share,
  /** 95 % Wilson interval of `agreement`, for positions that come in documents: for their effective number. */
  agreementInterval: z.tuple([Share, Share]),
  /** Prompts whose whole answers are equal. */
  identical: Count,
  /** Prompts whose answers diverge where the reference finds that no near tie, or end there. */
  leaving: Count.optional(),
  /** Position of the first divergence over the prompts that have one. */
  firstDivergence: z.strictObject({ min: Count, median: z.number() }).optional(),
  /** Between the logprobs of the reference's chosen token; at least so much where the candidate does not tell its own. */
  logprobError: Errors,
  /** Share of the reference's top k tokens that are in the candidate's top k. */
  topKInclusion: Share,
});
export type PairSummary = z.infer<typeof PairSummary>;

/** `report.json` of a validation; `pairs.jsonl` beside it has one line a prompt. */
export const ParityReport = z.strictObject({
  schema: z.literal('modelferry.parity/1'),
  verdict: Verdict,
  reference: z.strictObject({ model: z.string(), backend: z.string() }),
  candidate: z.strictObject({ model: z.string(), backend: z.string() }),
  /** sha256 of the prompts as token ids, so that two reports can be compared. */
  promptsDigest: z.string(),
  maxTokens: Count,
  topK: Count,
  pair: PairSummary,
  /** The reference against itself, asked a second time. */
  noiseFloor: PairSummary,
  bounds: z.record(z.string(), z.number()),
  /** Each prompt's mean logprob error against the position of its divergence, for the plot: at most 500. */
  points: z.array(z.strictObject({ prompt: Count, agreed: Count, of: Count, meanError: z.number(), maxError: z.number() })).max(500),
});
export type ParityReport = z.infer<typeof ParityReport>;
