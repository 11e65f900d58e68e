/** Text that stands in columns: widths as a terminal counts them. Texts here carry no styles yet. */

const SEGMENTS = new Intl.Segmenter('en', { granularity: 'grapheme' });

// East Asian wide and fullwidth characters, and emoji: two columns each.
const WIDE = /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

const widthOf = (grapheme: string): number => (WIDE.test(grapheme) ? 2 : 1);

/** Columns that a text takes. */
export function textWidth(text: string): number {
  // Most texts are plain ASCII; segmenting them costs a hundred times as much as looking.
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const { segment } of SEGMENTS.segment(text)) width += widthOf(segment);
  return width;
}

/** A text of at most `max` columns; a longer one ends with `…`. */
export function truncate(text: string, max: number): string {
  if (textWidth(text) <= max) return text;
  if (max <= 0) return '';
  let kept = '';
  let width = 0;
  for (const { segment } of SEGMENTS.segment(text)) {
    const next = widthOf(segment);
    if (width + next > max - 1) break;
    kept += segment;
    width += next;
  }
  return `${kept}…`;
}

/** A text that fills `width` columns; a longer one stays as it is. */
export const pad = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - textWidth(text)));

/** Lines of at most `width` columns, broken between words; a longer word is left whole so that commands can be copied. */
export function wrap(text: string, width: number): string[] {
  if (textWidth(text) <= width) return [text];
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && textWidth(line) + 1 + textWidth(word) > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** Rows as aligned columns, two spaces apart, without spaces at the ends of lines. `paint` styles a padded cell. */
export function table(rows: readonly (readonly string[])[], paint: (cell: string, column: number, row: number) => string = (cell) => cell): string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, textWidth(cell))));
  return rows.map((row, r) => {
    const last = row.findLastIndex((cell) => cell !== '');
    return row
      .slice(0, last + 1)
      .map((cell, c) => paint(cell, c, r) + (c === last ? '' : ' '.repeat((widths[c] ?? 0) - textWidth(cell))))
      .join('  ');
  });
}
