/** A member of an object in a JSON text: the path of keys that leads to it, and where its value stands. */
export interface JsonMember {
  /** Keys from the outermost object; an element of an array adds `[]`. */
  path: readonly string[];
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
 * text as it is. It expects a text that some parser took: of anything else the result means nothing.
 */
export function* jsonMembers(text: string): Generator<JsonMember> {
  interface Level {
    isObject: boolean;
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
      levels.push({ isObject: token === '{', keyStart: 0, valueStart: -1, expects: token === '{' ? 'key' : 'value' });
    } else if (token === '}' || token === ']' || token === ',') {
      if (top?.isObject && top.key !== undefined) {
        yield { path: pathTo(), keyStart: top.keyStart, valueStart: top.valueStart, valueEnd: lastEnd };
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

/** The path of a name that an object of the text has twice, the outermost such object's; undefined where there is none. */
export function repeatedName(text: string): readonly string[] | undefined {
  const seen = new Set<string>();
  let repeated: readonly string[] | undefined;
  for (const { path } of jsonMembers(text)) {
    const at = JSON.stringify(path);
    // Elements of arrays share a path, so there a name may come again. The formats that are checked here have no objects in arrays.
    if (seen.has(at) && !path.includes('[]') && path.length < (repeated?.length ?? Infinity)) repeated = path;
    seen.add(at);
  }
  return repeated;
}
