import * as z from 'zod';
import { Verdict } from './verdict.js';

const Count = z.number().int().nonnegative();

/** `audit.json`: a converted checkpoint against its source, made without any code of the writing path. */
export const AuditReport = z.strictObject({
  schema: z.literal('modelferry.audit/1'),
  verdict: Verdict,
  source: z.strictObject({ files: Count, tensors: Count, bytes: Count }),
  target: z.strictObject({ files: Count, tensors: Count, bytes: Count }),
  dtypes: z.array(z.strictObject({ from: z.string(), to: z.string(), tensors: Count })),
  /** Names in the source alone, in the target alone, in more than one shard. */
  missing: z.array(z.string()).max(100),
  unexpected: z.array(z.string()).max(100),
  duplicated: z.array(z.string()).max(100),
  values: z.strictObject({ compared: Count, nan: Count, infinite: Count, overflowed: Count }),
  /** The largest error relative to the value, and the bound that the pair of dtypes allows. */
  maxRelativeError: z.number(),
  bound: z.number(),
  /** The tensors with the largest errors, largest first. */
  worst: z.array(z.strictObject({ tensor: z.string(), maxRelativeError: z.number(), maxAbsoluteError: z.number() })).max(20),
  /** Files that travel along, each with whether it is byte for byte the source's. */
  carried: z.array(z.strictObject({ file: z.string(), identical: z.boolean() })).max(100),
  /** What lies beside the source's weights and not beside the target's; a folder's name ends with a slash. */
  left: z.array(z.string().max(200)).max(100),
  problems: z.array(z.string().max(300)).max(100),
});
export type AuditReport = z.infer<typeof AuditReport>;
