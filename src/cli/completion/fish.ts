import { type CompletedCommand, type CompletedOption, type CompletionModel, type Offer, firstWords, lastWord, placesByOffer } from './model.js';

/** The completion script for fish, from 3.1 on. */
export function fishCompletion(model: CompletionModel): string {
  return `# fish completion of ferry, made by: ferry completion fish

# The options of a command that a value follows.
function __ferry_values
    switch $argv[1]
        case ''
            echo ${valuesOf(model.root)}
${model.commands.map(({ name, options }) => `        case '${name}'\n            echo ${valuesOf(options)}`).join('\n')}
    end
end

# The command before the cursor, or the first word of one of two words; then the number of its arguments so far.
function __ferry_typed
    set -l group ''
    set -l command ''
    set -l count 0
    set -l skip no
    set -l values (string split ' ' -- (__ferry_values ''))
    for word in (commandline -opc)[2..-1]
        if test $skip = yes
            set skip no
        else if string match -q -- '-*' $word
            contains -- $word $values; and set skip yes
        else if test -n "$command"
            set count (math $count + 1)
        else if test -z "$group"; and test "$word" = help
            continue
        else if test -z "$group"; and contains -- $word ${model.groups.map(({ name }) => name).join(' ')}
            set group $word
        else
            set command (string trim -- "$group $word")
            set values (string split ' ' -- (__ferry_values $command))
        end
    end
    test -n "$command"; and echo $command; or echo $group
    echo $count
end

# Whether one of these commands stands before the cursor.
function __ferry_on
    set -l typed (__ferry_typed)
    contains -- "$typed[1]" $argv
end

# Whether the cursor is at the nth argument of one of these commands.
function __ferry_at
    set -l typed (__ferry_typed)
    test (math $typed[2] + 1) = $argv[1]; and contains -- "$typed[1]" $argv[2..-1]
end

# Files with one of these endings, and the folders on the way.
function __ferry_files
    complete -C "'' "(commandline -ct) | string match -r -- '.*/$|.*\\.(?:'(string join '|' $argv)')$'
end

complete -c ferry -f

${firstWords(model).map(({ word, summary }) => `complete -c ferry -n "__ferry_on ''" -a ${word} -d ${quoted(summary)}`).join('\n')}
complete -c ferry -n "__ferry_on ''" -a help -d 'the help of a command'
${model.groups.flatMap(({ name, members }) => members.map((member) => `complete -c ferry -n '__ferry_on ${name}' -a ${lastWord(member.name)} -d ${quoted(member.summary)}`)).join('\n')}

${optionLines(model).join('\n')}

${placesByOffer(model)
  .flatMap(({ offer, places }) => argumentLines(offer, places.filter(({ at }) => typeof at === 'number').map(({ command, at }) => ({ command, at: Number(at) }))))
  .join('\n')}
`;
}

const valuesOf = (options: readonly CompletedOption[]): string => options.flatMap(({ flags, value }) => (value === undefined || value.optional ? [] : flags)).join(' ');

/** One line for an option that several commands have in the same form: the common ones would else stand here thirty times. */
function optionLines({ commands, root }: CompletionModel): string[] {
  const byForm = new Map<string, string[]>();
  const add = (option: CompletedOption, name: string): void => {
    const form = optionForm(option);
    byForm.set(form, [...(byForm.get(form) ?? []), name]);
  };
  for (const option of root) add(option, '');
  for (const { name, options } of commands) for (const option of options) add(option, name);
  return [...byForm].map(([form, names]) => `complete -c ferry -n ${condition('__ferry_on', names)} ${form}`);
}

function optionForm({ flags, description, value }: CompletedOption): string {
  const spelled = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`)).join(' ');
  // fish has no option whose value may be left out and stands apart: the switch alone is offered.
  const follows = value === undefined || value.optional ? '' : ` -r ${offerFlags(value.offer)}`;
  return `${spelled}${follows} -d ${quoted(description)}`;
}

function argumentLines(offer: Offer, places: readonly { command: CompletedCommand; at: number }[]): string[] {
  const positions = [...new Set(places.map(({ at }) => at))].sort((a, b) => a - b);
  return positions.map((n) => `complete -c ferry -n ${condition(`__ferry_at ${n}`, places.filter(({ at }) => at === n).map(({ command }) => command.name))} ${offerFlags(offer)}`);
}

function offerFlags(offer: Offer): string {
  switch (offer.kind) {
    case 'nothing':
      return '-f';
    case 'words':
      return `-f -a ${quoted(offer.words.join(' '))}`;
    case 'files':
      return offer.endings.length === 0 ? '-F' : `-f -a '(__ferry_files ${offer.endings.join(' ')})'`;
    case 'folders':
      return "-f -a '(__fish_complete_directories (commandline -ct))'";
  }
}

const condition = (name: string, commands: readonly string[]): string => `"${name} ${commands.map((command) => (/^\w+$/.test(command) ? command : `'${command}'`)).join(' ')}"`;

const quoted = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`;
