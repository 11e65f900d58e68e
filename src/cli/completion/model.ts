import type { Argument, Command, Option } from 'commander';
import { STAGE_NAMES } from '../../domain/stage.js';
import { COMMON_GROUP, type DefinedCommand } from '../command-of.js';

/** What a shell offers in a place. Nothing of it is asked of `ferry`: the scripts are whole. */
export type Offer = { readonly kind: 'nothing' } | { readonly kind: 'words'; readonly words: readonly string[] } | { readonly kind: 'files'; readonly endings: readonly string[] } | { readonly kind: 'folders' };

export interface CompletedOption {
  /** As they are typed: `-f` and `--follow`. */
  readonly flags: readonly string[];
  readonly description: string;
  readonly repeatable: boolean;
  /** What follows it; absent for a switch. */
  readonly value?: { readonly name: string; readonly optional: boolean; readonly offer: Offer };
}

export interface CompletedCommand {
  /** `jobs list` */
  readonly name: string;
  readonly summary: string;
  readonly options: readonly CompletedOption[];
  readonly arguments: readonly { readonly name: string; readonly offer: Offer }[];
}

export interface CompletionModel {
  readonly commands: readonly CompletedCommand[];
  /** First words of commands of two words, and what may follow. */
  readonly groups: readonly { readonly name: string; readonly members: readonly CompletedCommand[] }[];
  /** What may stand before a command. */
  readonly root: readonly CompletedOption[];
}

const NOTHING: Offer = { kind: 'nothing' };

/** By the name of a value in a synopsis. What is not here is only known to a server or to the person. */
const OFFERS: Readonly<Record<string, Offer>> = {
  spec: { kind: 'files', endings: ['yaml', 'yml', 'json'] },
  file: { kind: 'files', endings: [] },
  path: { kind: 'files', endings: [] },
  dir: { kind: 'folders' },
  stage: { kind: 'words', words: STAGE_NAMES },
};

/** What completions are made of. */
export function completionModel(defined: readonly DefinedCommand[]): CompletionModel {
  const commands = defined.map(({ entry, command }) => ({
    name: entry.name,
    summary: entry.summary,
    options: optionsOf(command).map(completedOption),
    arguments: command.registeredArguments.map((argument) => ({ name: argument.name(), offer: offerOf(argument.name(), argument) })),
  }));
  const common = new Map(defined.flatMap(({ command }) => command.options.filter(({ helpGroupHeading }) => helpGroupHeading === COMMON_GROUP)).map((option) => [option.flags, option]));
  const names = [...new Set(commands.flatMap(({ name }) => (name.includes(' ') ? [firstWord(name)] : [])))];
  return {
    commands,
    groups: names.map((name) => ({ name, members: commands.filter((command) => command.name.startsWith(`${name} `)) })),
    root: [
      ...[...common.values()].map(completedOption),
      { flags: ['-h', '--help'], description: 'the list of commands', repeatable: false },
      { flags: ['-V', '--version'], description: 'the version', repeatable: false },
    ],
  };
}

/** The words that may stand first, each with what it does. */
export const firstWords = ({ commands, groups }: CompletionModel): { word: string; summary: string }[] => {
  const words = commands.map(({ name, summary }) => {
    const group = groups.find((each) => each.name === firstWord(name));
    return group === undefined ? { word: name, summary } : { word: group.name, summary: group.members.map((member) => lastWord(member.name)).join(', ') };
  });
  return words.filter(({ word }, i) => words.findIndex((other) => other.word === word) === i);
};

export const firstWord = (name: string): string => name.split(' ')[0] ?? name;
export const lastWord = (name: string): string => name.split(' ').at(-1) ?? name;

/** A command's options as its help shows them, `--help` last. */
export const optionsOf = (command: Command): readonly Option[] => command.createHelp().visibleOptions(command);

function completedOption(option: Option): CompletedOption {
  const flags = [option.short, option.long].filter((flag) => flag !== undefined);
  const [, name] = /[<[]([^>\]]+)[>\]]/.exec(option.flags) ?? [];
  return {
    flags,
    description: option.description,
    repeatable: Array.isArray(option.defaultValue),
    ...(name === undefined ? {} : { value: { name, optional: option.optional, offer: offerOf(name, option) } }),
  };
}

const offerOf = (name: string, { argChoices }: Pick<Option | Argument, 'argChoices'>): Offer => (argChoices === undefined ? (OFFERS[name] ?? NOTHING) : { kind: 'words', words: argChoices });

/** A place in a command line: the value of an option, or the nth argument, counted from 1. */
export interface Place {
  readonly command: CompletedCommand;
  readonly at: string | number;
}

/** The places where something is offered, together where the same is. */
export function placesByOffer({ commands }: CompletionModel): { offer: Offer; places: Place[] }[] {
  const places = commands.flatMap((command) => [
    ...command.options.flatMap(({ flags, value }) => (value === undefined ? [] : flags.map((at) => ({ offer: value.offer, place: { command, at } })))),
    ...command.arguments.map(({ offer }, i) => ({ offer, place: { command, at: i + 1 } })),
  ]);
  const byOffer = new Map<string, { offer: Offer; places: Place[] }>();
  for (const { offer, place } of places) {
    if (offer.kind === 'nothing') continue;
    const key = JSON.stringify(offer);
    byOffer.set(key, { offer, places: [...(byOffer.get(key)?.places ?? []), place] });
  }
  return [...byOffer.values()];
}
