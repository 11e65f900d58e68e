// What the tests of the architecture read: TypeScript sources as text, without a compiler.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path/posix';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface SourceFile {
  /** Relative to the package, such as `src/domain/gate.ts`. */
  path: string;
  text: string;
}

/** Every source file below the folders; a folder that does not exist yet has none. */
export function sourceFiles(...folders: string[]): SourceFile[] {
  return folders
    .filter((folder) => existsSync(join(ROOT, folder)))
    .flatMap((folder) => readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)))
    .filter((path) => /\.(?:ts|js|mjs)$/.test(path))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
}

/**
 * The code of a source: comments are blanked, and with `texts` the contents of strings too. Lines keep their numbers.
 * Expressions inside a template literal count as its text.
 */
export function codeOf(text: string, { texts = true }: { texts?: boolean } = {}): string {
  const blank = (part: string): string => part.replace(/[^\n]/g, ' ');
  let code = '';
  let at = 0;
  const take = (length: number, keep: boolean): void => {
    const part = text.slice(at, at + length);
    code += keep ? part : blank(part);
    at += length;
  };
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  while (at < text.length) {
    const plain = match(/[^/'"`]+/y);
    if (plain !== undefined) {
      take(plain.length, true);
      continue;
    }
    const comment = match(/\/\/[^\n]*|\/\*[\s\S]*?\*\//y);
    const string = match(/'(?:\\[\s\S]|[^'\\\n])*'|"(?:\\[\s\S]|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`/y);
    // A slash begins a regular expression where no value stands before it.
    const pattern = /(?:^|[(,=:[!&|?{};]|=>|return)\s*$/.test(code.slice(-80)) ? match(/\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/y) : undefined;
    if (comment !== undefined) take(comment.length, false);
    else if (string !== undefined) take(string.length, !texts);
    else if (pattern !== undefined) take(pattern.length, !texts);
    else take(1, true);
  }
  return code;
}

export interface Import {
  specifier: string;
  line: number;
  kind: 'value' | 'type' | 'dynamic';
}

/** Every import and re-export of a source. A dynamic import of anything but a literal has the specifier `(computed)`. */
export function importsOf({ text }: SourceFile): Import[] {
  const code = codeOf(text, { texts: false });
  const bare = codeOf(text);
  const lineOf = (index: number): number => code.slice(0, index).split('\n').length;
  // What looks like an import inside a text is none.
  const isCode = (m: RegExpExecArray): boolean => bare.slice(m.index, m.index + m[0].length).trim() !== '';
  const statics = [...code.matchAll(/^[ \t]*(?:import|export)\b(\s+type\b(?!\s+from\b))?([\w\s{},*$]*?\bfrom)?\s*(['"])([^'"\n]+)\3/gm)].filter(isCode).map((m) => ({
    specifier: m[4] ?? '',
    line: lineOf(m.index),
    kind: m[1] === undefined ? ('value' as const) : ('type' as const),
  }));
  const dynamics = [...code.matchAll(/\bimport\(\s*(?:(['"`])([^'"`\n$]+)\1\s*\))?/g)].filter(isCode).map((m) => ({ specifier: m[2] ?? '(computed)', line: lineOf(m.index), kind: 'dynamic' as const }));
  return [...statics, ...dynamics];
}

/** The path in the package that a relative specifier means, `.js` as its `.ts` where there is one; undefined when there is no such file. */
export function resolveImport(from: string, specifier: string, exists: (path: string) => boolean = (path) => existsSync(join(ROOT, path))): string | undefined {
  const target = normalize(join(dirname(from), specifier));
  return [target.replace(/\.js$/, '.ts'), target].find(exists);
}
