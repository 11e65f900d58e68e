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

// The string's form keeps the engine from holding a state for each of a long text's characters.
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/gs;

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
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
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

/** The path of the first name that an object of the text has twice, or undefined. */
export function repeatedName(text: string): readonly string[] | undefined {
  // Elements of arrays share a path: there a name may come again. The formats that are checked here have none.
  const seen = new Set<string>();
  for (const { path } of jsonMembers(text)) {
    const at = JSON.stringify(path);
    if (seen.has(at) && !path.includes('[]')) return path;
    seen.add(at);
  }
  return undefined;
}
