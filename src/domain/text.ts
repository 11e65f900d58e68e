// Control characters, the bidirectional and invisible ones that make a text look like another, and halves of characters.
const UNSAFE = /(?:[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0]|\u034f|\u17b4|\u17b5)+/gu;

/** The text with each run of control, bidirectional and zero-width characters as one space. */
export const withoutUnsafe = (text: string): string => text.replace(UNSAFE, ' ');

/** One line of at most `max` characters, free of control, bidirectional and zero-width characters. */
export function oneLine(text: string, max: number): string {
  const clean = withoutUnsafe(text).trim();
  // A character of two units is kept whole or left out.
  return clean.length <= max ? clean : `${clean.slice(0, max - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** Text that Markdown (the Temporal UI's details) shows as it is: neither markup, nor a link, nor HTML. */
export function escapeMarkdown(text: string, max = 500): string {
  return oneLine(text, max).replace(/[\\`*_{}[\]()#+\-.!|<>~&]|:(?=\/\/)/g, (c) => (c === '<' ? '&lt;' : c === '>' ? '&gt;' : c === '&' ? '&amp;' : `\\${c}`));
}

/** An argument as a person would type it in a POSIX shell. Only for showing commands, never for running them. */
export function shellQuote(argument: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}

/** A number for people: four significant digits, and no more zeros than it needs. */
export const figure = (value: number): string => (Number.isInteger(value) && Math.abs(value) < 1e9 ? String(value) : String(Number(value.toPrecision(4))));
