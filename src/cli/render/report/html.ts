import { withoutUnsafe } from '../../../domain/text.js';

/** Text that is HTML or SVG already. Only `html` makes it. */
class Markup {
  constructor(readonly text: string) {}
}
export type { Markup };

/** What may stand in a template: markup as it is, everything else as text; nothing for undefined, null and false. */
export type Part = Markup | string | number | undefined | null | false | readonly Part[];

/**
 * Markup of a template. Every text that is put in is escaped, in content and between quotes alike, and freed of what
 * would make it look like another text: it comes from people, logs and files. Attributes must be quoted.
 */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(strings.reduce((all, text, i) => all + text + (i < parts.length ? render(parts[i]) : ''), ''));
}

function render(part: Part): string {
  if (part === undefined || part === null || part === false) return '';
  if (part instanceof Markup) return part.text;
  if (typeof part === 'object') return part.map(render).join('');
  return escapeHtml(String(part));
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

const escapeHtml = (text: string): string => withoutUnsafe(text).replace(/[&<>"']/g, (c) => ENTITIES[c] ?? c);
