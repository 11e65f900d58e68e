/** Why a file's bytes are no text; `text` otherwise, in its normal form. */
export type Decoded = { text: string } | { reason: 'binary' | 'not UTF-8' };

/** Strict: a decoder that put U+FFFD in place of what it can't read would teach a model exactly that. */
const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** The text of a file's bytes in its normal form, or why it has none. */
export function decodeText(bytes: Uint8Array): Decoded {
  // Legal UTF-8, but no text file has it, and each UTF-16 file does.
  if (bytes.includes(0)) return { reason: 'binary' };
  try {
    return { text: normaliseText(UTF8.decode(bytes)) };
  } catch {
    return { reason: 'not UTF-8' };
  }
}

/**
 * One form for texts that a reader takes for equal, so that their digests are equal: NFC; LF for every kind of line end;
 * no byte-order mark, control character but tab, or space at the end of a line; at most two empty lines in a row; one LF
 * at the end. A text without anything is ''. Applying it twice changes nothing.
 */
export function normaliseText(text: string): string {
  const clean = text
    .replace(/\r\n?|[\f\v\u0085\u2028\u2029]/g, '\n')
    // eslint-disable-next-line no-control-regex -- these are what is meant
    .replace(/[\0-\x08\x0e-\x1f\x7f-\x9f\ufeff]/g, '')
    .normalize('NFC')
    .replace(/[ \t]+$/gm, '')
    .replace(/\n{4,}/g, '\n\n\n')
    .replace(/^\n+|\n+$/g, '');
  return clean === '' ? '' : `${clean}\n`;
}
