import * as z from 'zod';
import { Verdict } from './verdict.js';

/** `quality.json`: a checkpoint against its declared bar. Losses are in nats a token. */
export const QualityReport = z.strictObject({
  schema: z.literal('modelferry.quality/1'),
  verdict: Verdict,
  heldOut: z.strictObject({ tokens: z.number().int().positive(), loss: z.number() }),
  /** Scored items: `score` is between 0 and 1. */
  items: z.array(z.strictObject({ name: z.string().max(100), score: z.number(), of: z.number().int().positive(), detail: z.string().max(500).optional() })).max(1000),
  bar: z.record(z.string(), z.number()).describe('The declared bar, by the name of what it bounds.'),
});
export type QualityReport = z.infer<typeof QualityReport>;
