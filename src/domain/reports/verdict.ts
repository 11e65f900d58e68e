import * as z from 'zod';

/** What a comparison comes to. `inconclusive` asks a person; it never passes. */
export const VerdictValue = z.enum(['pass', 'fail', 'inconclusive']);
export type VerdictValue = z.infer<typeof VerdictValue>;

/** A verdict with what it rests on: one reason a check, the deciding ones first. */
export const Verdict = z.strictObject({ value: VerdictValue, reasons: z.array(z.string().max(300)).min(1).max(20) });
export type Verdict = z.infer<typeof Verdict>;
