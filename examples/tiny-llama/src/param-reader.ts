// Reads a job's parameters and collects what is wrong with them, so that one message names all.
import { ConfigurationError, type Params } from './contract.js';

export class ParamReader {
  readonly #params: Params;
  /** Stands before each name, where these parameters lie within others. */
  readonly #prefix: string;
  readonly #problems: string[] = [];
  readonly #parts: ParamReader[] = [];
  readonly #known = new Set<string>();

  constructor(params: Params, prefix = '') {
    this.#params = params;
    this.#prefix = prefix;
  }

  /** @param range inclusive; whole numbers unless `fraction` */
  number(name: string, fallback: number | undefined, range: { min: number; max: number; fraction?: boolean }): number {
    const value = this.#read(name) ?? fallback;
    if (typeof value === 'number' && value >= range.min && value <= range.max && (range.fraction === true || Number.isInteger(value))) return value;
    this.problem(`${this.#prefix}${name}: ${JSON.stringify(value) ?? 'nothing'} is not ${range.fraction === true ? 'a number' : 'a whole number'} from ${range.min} to ${range.max}`);
    return range.min;
  }

  choice<T extends string>(name: string, fallback: T, choices: readonly T[]): T {
    const value = this.#read(name) ?? fallback;
    const chosen = choices.find((choice) => choice === value);
    if (chosen === undefined) this.problem(`${this.#prefix}${name}: ${JSON.stringify(value)} is none of ${choices.join(', ')}`);
    return chosen ?? fallback;
  }

  /** Parameters within a parameter. What is wrong with them is told by `done` of the whole. */
  part(name: string): ParamReader {
    const value = this.#read(name);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (value !== undefined && !isObject) this.problem(`${this.#prefix}${name}: ${JSON.stringify(value)} is no object`);
    const part = new ParamReader(isObject ? (value as Params) : {}, `${this.#prefix}${name}.`);
    this.#parts.push(part);
    return part;
  }

  problem(text: string): void {
    this.#problems.push(text);
  }

  /** Throws ConfigurationError with all problems; a name that was never read is one: it would change nothing, unnoticed. */
  done(): void {
    const problems = this.#all();
    if (problems.length > 0) throw new ConfigurationError(`wrong parameters: ${problems.join('; ')}`);
  }

  #all(): string[] {
    const unknown = Object.keys(this.#params).filter((name) => !this.#known.has(name));
    return [...this.#problems, ...unknown.map((name) => `${this.#prefix}${name} is unknown; ${suggestion(name, [...this.#known])}`), ...this.#parts.flatMap((part) => part.#all())];
  }

  #read(name: string): unknown {
    this.#known.add(name);
    return this.#params[name];
  }
}

function suggestion(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  return near === undefined ? `known are ${known.join(', ')}` : `did you mean ${near}?`;
}

/** The known name that another one may stand for: an abbreviation by initials (`lr`) or a slip of the keys. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const plain = name.toLowerCase().replace(/[-_]/g, '');
  const ranked = known
    .map((candidate) => ({ candidate, distance: initials(candidate) === plain ? 0.5 : editDistance(plain, candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  // More than a third of a name in other letters is another name.
  return best !== undefined && best.distance <= Math.max(1, plain.length / 3) ? best.candidate : undefined;
}

const initials = (name: string): string => (name[0] ?? '') + name.replace(/[^A-Z]/g, '').toLowerCase();

/** Levenshtein's. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length]!;
}
