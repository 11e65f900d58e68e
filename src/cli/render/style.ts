/** The few styles that ferry uses. Each gives the text back as it is where colour is off. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

/** SGR codes: on and off. `node:util` has `styleText` only since Node 20.12. */
const CODES = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], cyan: [36, 39] } as const satisfies Record<keyof Style, readonly [number, number]>;

export function makeStyle(color: boolean): Style {
  const style = (name: keyof Style) => (text: string): string => (color && text !== '' ? `\u001b[${CODES[name][0]}m${text}\u001b[${CODES[name][1]}m` : text);
  return { bold: style('bold'), dim: style('dim'), red: style('red'), green: style('green'), yellow: style('yellow'), cyan: style('cyan') };
}

/** The text alone, to count its columns. */
// eslint-disable-next-line no-control-regex -- our own codes
export const withoutStyles = (text: string): string => text.replace(/\u001b\[\d+m/g, '');
