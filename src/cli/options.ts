import { Argument, Option } from 'commander';
import { userInfo } from 'node:os';
import * as z from 'zod';
import { formatPath, type Problem } from '../domain/problems.js';
import type { CliContext } from './context.js';
import { UsageError } from './errors.js';

/** A command's options by its schema. @throws UsageError that names each option as it is typed. */
export function parseOptions<T extends z.ZodType>(schema: T, options: unknown, command: string): z.infer<T> {
  const parsed = schema.safeParse(options);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue): Problem => {
    const name = flagOf(formatPath(issue.path));
    const value = issue.path.reduce<unknown>((at, part) => (at as Record<PropertyKey, unknown> | undefined)?.[part], options);
    return { path: name, found: value === undefined ? 'nothing' : JSON.stringify(value), expected: issue.message };
  });
  throw new UsageError(`ferry ${command} does not take ${problems.length === 1 ? 'this option' : 'these options'} so`, `See: ferry ${command} --help`, problems);
}

/** `uiPort` is typed `--ui-port`. */
const flagOf = (name: string): string => `--${name.replace(/\[\d+\]$/, '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** A whole number from a command line. */
export const count = (what: string, max: number): z.ZodType<number> =>
  z
    .string()
    .regex(/^\d{1,9}$/, what)
    .transform(Number)
    .refine((n) => n >= 1 && n <= max, what);

/** `name=value` pairs of repeated `--set`: a value is JSON where it is valid JSON, else the text. */
export function parsePairs(pairs: readonly string[], flag: string): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at < 1) throw new UsageError(`${flag} ${pair} is not NAME=VALUE`, `For example: ${flag} learningRate=0.001`);
    const name = pair.slice(0, at);
    if (Object.hasOwn(result, name)) throw new UsageError(`${flag} gives ${name} twice`, 'Give each name once');
    Object.defineProperty(result, name, { value: jsonOrText(pair.slice(at + 1)), enumerable: true, writable: true, configurable: true });
  }
  return result;
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

/** Collects the values of an option that may be repeated. */
export const collect = (value: string, before: string[]): string[] => [...before, value];

/**
 * An option with a closed list of values, which the help shows and completions offer. Commander's own `choices()` would
 * refuse others before the command can, in words that name no next command.
 */
export const optionOf = (flags: string, description: string, values: readonly string[]): Option => Object.assign(new Option(flags, description), { argChoices: [...values] });

/** An argument with a closed list of values; see `optionOf`. */
export const argumentOf = (name: string, description: string, values: readonly string[]): Argument => Object.assign(new Argument(name, description), { argChoices: [...values] });

/** Who is at the keyboard: `FERRY_USER`, else the user's name at this machine. A claim, and shown as such. */
export function currentUser({ env }: Pick<CliContext, 'env'>): string {
  if (env['FERRY_USER']) return env['FERRY_USER'];
  try {
    return userInfo().username;
  } catch (error) {
    // A container may run under a number that has no name.
    if (!(error instanceof Error && 'code' in error)) throw error;
    throw new UsageError('This machine has no name for its user', 'Say who you are with: export FERRY_USER=NAME');
  }
}

/** The one argument of a command such as RUN; commander has made sure that it is there. */
export const argument = (args: readonly string[], index = 0): string => args[index] ?? '';
