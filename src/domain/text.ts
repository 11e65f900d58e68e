// Control characters, and the bidirectional and zero-width ones that make a text look like another.
// eslint-disable-next-line no-control-regex -- taking them out is the point
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+/gu;

/** One line of at most `max` characters, free of control, bidirectional and zero-width characters. */
export function oneLine(text: string, max: number): string {
  const clean = text.replace(UNSAFE, ' ').trim();
  return clean.length <= max ? clean : `${clean.slice(0, max - 1)}…`;
}

/** Text that Markdown (the Temporal UI's details) shows as it is: neither markup, nor a link, nor HTML. */
export function escapeMarkdown(text: string, max = 500): string {
  return oneLine(text, max).replace(/[\\`*_{}[\]()#+\-.!|<>~&]/g, (c) => (c === '<' ? '&lt;' : c === '>' ? '&gt;' : c === '&' ? '&amp;' : `\\${c}`));
}

/** An argument as a person would type it in a POSIX shell. Only for showing commands, never for running them. */
export function shellQuote(argument: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}
