/** No header, index or config is nested so deep, and every member's path is as long as its depth. */
export const MAX_JSON_DEPTH = 64;

/** Thrown when a JSON text nests objects and arrays deeper than MAX_JSON_DEPTH. */
export class JsonTooDeepError extends Error {
  override readonly name = 'JsonTooDeepError';

  constructor() {
    super(`is nested deeper than ${MAX_JSON_DEPTH} levels`);
  }
}

/** A member of an object in a JSON text: the path of keys that leads to it, and where its value stands. */
export interface JsonMember {
  /** Keys from the outermost object; an element of an array adds `[]`. */
  path: readonly string[];
  /** Whether the same object has had a member of this name before. */
  isRepeated: boolean;
  /** Offset of the key's opening quote. */
  keyStart: number;
  valueStart: number;
  /** After the value's last character. */
  valueEnd: number;
}

const TOKEN = /["{}[\],:]|[^\s{}[\],:"]+/g;

/**
 * The tokens of a JSON text with their offsets. Strings are found by hand: as a regular expression their form needs a
 * step of the engine's stack for each escape, and a long one would overflow it.
 */
function* tokensOf(text: string): Generator<{ token: string; index: number }> {
  const pattern = new RegExp(TOKEN);
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    if (match[0] === '"') pattern.lastIndex = endOfString(text, match.index);
    yield { token: text.slice(match.index, pattern.lastIndex), index: match.index };
  }
}

/** After the closing quote of the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0;
    while (text[quote - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return quote + 1;
  }
  return text.length;
}

/**
 * Every member of every object in a JSON text, in the order in which their values end, repeated names included.
 * `JSON.parse` drops all but the last of those, rounds numbers and refuses the NaN that Python writes; this keeps the
 * text as it is. It expects a text that some parser took: of anything else the result means nothing. Throws
 * JsonTooDeepError.
 */
export function* jsonMembers(text: string): Generator<JsonMember> {
  interface Level {
    isObject: boolean;
    names: Set<string>;
    key?: string;
    keyStart: number;
    valueStart: number;
    expects: 'key' | 'value';
  }
  const levels: Level[] = [];
  const pathTo = (): string[] => levels.map((level) => (level.isObject ? (level.key ?? '') : '[]'));
  let lastEnd = 0;
  for (const { token, index } of tokensOf(text)) {
    const top = levels.at(-1);
    if (token === '{' || token === '[') {
      if (top?.expects === 'value' && top.valueStart < 0) top.valueStart = index;
      if (levels.length === MAX_JSON_DEPTH) throw new JsonTooDeepError();
      levels.push({ isObject: token === '{', names: new Set(), keyStart: 0, valueStart: -1, expects: token === '{' ? 'key' : 'value' });
    } else if (token === '}' || token === ']' || token === ',') {
      if (top?.isObject && top.key !== undefined) {
        yield { path: pathTo(), isRepeated: top.names.has(top.key), keyStart: top.keyStart, valueStart: top.valueStart, valueEnd: lastEnd };
        top.names.add(top.key);
        top.key = undefined;
        top.expects = 'key';
      }
      if (token !== ',') levels.pop();
    } else if (token === ':') {
      if (top !== undefined) Object.assign(top, { expects: 'value', valueStart: -1 });
    } else if (top?.isObject && top.expects === 'key') {
      top.key = JSON.parse(token) as string;
      top.keyStart = index;
    } else if (top !== undefined && top.valueStart < 0) {
      top.valueStart = index;
    }
    lastEnd = index + token.length;
  }
}

/**
 * The path of a name that an object of the text has twice, the outermost such object's; undefined where there is none.
 * Throws JsonTooDeepError.
 */
export function repeatedName(text: string): readonly string[] | undefined {
  let repeated: readonly string[] | undefined;
  for (const { path, isRepeated } of jsonMembers(text)) if (isRepeated && path.length < (repeated?.length ?? Infinity)) repeated = path;
  return repeated;
}

/** The text with `null` for each bare NaN, Infinity and -Infinity, which Python writes and JSON does not have. */
export function withoutPythonWords(text: string): string {
  const pieces: string[] = [];
  let kept = 0;
  for (const { token, index } of tokensOf(text)) {
    if (token !== 'NaN' && token !== 'Infinity' && token !== '-Infinity') continue;
    pieces.push(text.slice(kept, index), 'null');
    kept = index + token.length;
  }
  return pieces.join('') + text.slice(kept);
}
