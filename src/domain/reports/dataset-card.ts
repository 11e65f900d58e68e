import * as z from 'zod';

const Count = z.number().int().nonnegative();
const Size = z.strictObject({ documents: Count, bytes: Count });

/** `manifest.json` of a text dataset: what is in it, and what was left out and why. Beside it lie the files of `splits`. */
export const DatasetCard = z.strictObject({
  schema: z.literal('modelferry.dataset/1'),
  sources: z.array(z.strictObject({ name: z.string(), ...Size.shape })).describe('As found, before anything was dropped; the largest first.'),
  read: Size,
  kept: Size,
  dropped: z.array(z.strictObject({ reason: z.string(), ...Size.shape })).describe('Each document is dropped once, for its first reason.'),
  splits: z.record(z.string(), z.strictObject({ file: z.string(), ...Size.shape })).describe('JSON lines of {id, source, text}; `id` is the sha256 of the normalised text.'),
  /** How documents are assigned, and what makes it free of leaks. */
  splitBy: z.string(),
  seed: z.number().int(),
});
export type DatasetCard = z.infer<typeof DatasetCard>;
