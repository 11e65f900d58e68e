/** Why a document is of no use for training, in the order in which it is asked. */
export type Unfit = 'too short' | 'long lines' | 'few words';

/** Shorter ones are stubs that point to somewhere else. */
const MIN_CHARS = 200;
/** Nobody writes such lines: minified code, data, embedded pictures. A paragraph on one line has fewer. */
const LONG_LINE_CHARS = 2000;
const MAX_LONG_LINE_SHARE = 0.2;
/**
 * Gopher's rule asks for a letter in 80 % of the words (Rae et al. 2021, arXiv:2112.11446, A.1.1). Here marks of Markdown
 * that stand alone (`|`, `-`, `#`) are words too and are up to a third of an honest table, so the bound is lower.
 */
const MIN_LETTERED_SHARE = 0.6;

/** Undefined for a text that is fit. `text` is in its normal form. */
export function unfitness(text: string): Unfit | undefined {
  if (text.length < MIN_CHARS) return 'too short';
  let inLongLines = 0;
  for (const line of text.split('\n')) if (line.length > LONG_LINE_CHARS) inLongLines += line.length;
  if (inLongLines > MAX_LONG_LINE_SHARE * text.length) return 'long lines';
  let words = 0;
  let lettered = 0;
  for (const [word] of text.matchAll(/\S+/g)) {
    words += 1;
    if (/\p{L}/u.test(word)) lettered += 1;
  }
  return lettered < MIN_LETTERED_SHARE * words ? 'few words' : undefined;
}
