import type * as z from 'zod';

/** One thing that is wrong with a spec, a site file or an option: everything that a person needs to put it right. */
export interface Problem {
  /** Dotted path of the value, such as `stages.train.attempts[0].backend`. */
  path: string;
  found: string;
  expected: string;
  /** The nearest right key or value, or what to do. */
  suggestion?: string;
}

export function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) text += typeof part === 'number' ? `[${part}]` : `${text === '' ? '' : '.'}${String(part)}`;
  return text === '' ? '(the whole document)' : text;
}

/** The candidate nearest to `word` by edit distance, when it is near enough to be what was meant. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Edits (insert, delete, replace, swap of neighbours) between two words; `limit` when they are at least that far apart. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit || a.length > 100 || b.length > 100) return limit;
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const at = (r: number, c: number): number => rows[r]?.[c] ?? limit;
      let cost = Math.min(at(i - 1, j) + 1, (row[j - 1] ?? limit) + 1, at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, at(i - 2, j - 2) + 1);
      row.push(cost);
    }
    rows.push(row);
  }
  return Math.min(limit, rows[a.length]?.[b.length] ?? limit);
}

function valueAt(document: unknown, path: readonly PropertyKey[]): unknown {
  let value = document;
  for (const part of path) {
    if (value === null || typeof value !== 'object') return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}

export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value !== null && typeof value === 'object') return 'a mapping';
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** The keys that a schema allows at a path, for suggestions; an empty list where it is no plain object. */
type KeysAt = (path: readonly PropertyKey[]) => readonly string[];

/**
 * Every problem of a document at once, from zod's issues. Union issues are told by the member that fits best (the one
 * with the fewest problems), since a list of all alternatives helps nobody.
 */
export function problemsOf(error: z.ZodError, document: unknown, keysAt: KeysAt): Problem[] {
  return error.issues.flatMap((issue) => problemsOfIssue(issue, [], document, keysAt)).slice(0, 100);
}

/** zod's words for types, as people who write YAML say them. */
const WORDS: Partial<Record<string, string>> = { record: 'mapping', object: 'mapping', array: 'list', int: 'whole number', boolean: 'truth value' };

function problemsOfIssue(issue: z.core.$ZodIssue, base: readonly PropertyKey[], document: unknown, keysAt: KeysAt): Problem[] {
  const path = [...base, ...issue.path];
  const at = formatPath(path);
  const value = valueAt(document, path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => {
        const allowed = keysAt(path);
        const meant = nearest(key, allowed);
        return {
          path: formatPath([...path, key]),
          found: `an unknown key, ${JSON.stringify(key)}`,
          expected: allowed.length > 0 ? `one of ${allowed.join(', ')}` : 'no such key',
          ...(meant === undefined ? {} : { suggestion: `did you mean ${meant}?` }),
        };
      });
    case 'invalid_union': {
      const best = [...issue.errors].sort((a, b) => a.length - b.length)[0];
      if (best === undefined || best.length === 0) return [{ path: at, found: describeValue(value), expected: issue.message }];
      return best.flatMap((inner) => problemsOfIssue(inner, path, document, keysAt));
    }
    case 'invalid_value': {
      const allowed = issue.values.map(String);
      const meant = typeof value === 'string' ? nearest(value, allowed) : undefined;
      return [
        {
          path: at,
          found: describeValue(value),
          expected: allowed.length === 1 ? JSON.stringify(issue.values[0]) : `one of ${allowed.join(', ')}`,
          ...(meant === undefined ? {} : { suggestion: `did you mean ${meant}?` }),
        },
      ];
    }
    case 'invalid_type': {
      // YAML reads `version: 1` as a number and `version: true` as a truth value.
      const unquoted = issue.expected === 'string' && (typeof value === 'number' || typeof value === 'boolean');
      return [{ path: at, found: describeValue(value), expected: `a ${WORDS[issue.expected] ?? issue.expected}`, ...(unquoted ? { suggestion: `quote it: "${value}"` } : {}) }];
    }
    default:
      return [{ path: at, found: describeValue(value), expected: issue.message }];
  }
}
