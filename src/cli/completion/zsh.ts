import { type CompletedCommand, type CompletedOption, type CompletionModel, type Offer, firstWords, lastWord } from './model.js';

/** The completion script for zsh: a file `_ferry` in a folder of `$fpath`, or text to be sourced after `compinit`. */
export function zshCompletion(model: CompletionModel): string {
  const valued = model.root.flatMap(({ flags, value }) => (value === undefined ? [] : flags));
  return `#compdef ferry
# zsh completion of ferry, made by: ferry completion zsh

_ferry_commands() {
  local -a commands
  case $1 in
    ('') commands=(
${described([...firstWords(model), { word: 'help', summary: 'the help of a command' }])}
    ) ;;
${model.groups.map(({ name, members }) => `    (${name}) commands=(\n${described(members.map((member) => ({ word: lastWord(member.name), summary: member.summary })))}\n    ) ;;`).join('\n')}
  esac
  _describe -t commands command commands
}

_ferry() {
  local word group command
  local -a values=(${valued.join(' ')})
  integer i
  for ((i = 2; i < CURRENT; i++)); do
    word=$words[i]
    if (( \${values[(Ie)$word]} )); then
      (( i++ ))
    elif [[ $word == -* || ( -z $group && $word == help ) ]]; then
      continue
    elif [[ -z $group && $word == (${model.groups.map(({ name }) => name).join('|')}) ]]; then
      group=$word
    else
      command=\${group:+$group }$word
      break
    fi
  done
  if [[ -z $command && -n $group ]]; then
    _ferry_commands $group
    return
  fi
  if [[ -z $command ]]; then
    _arguments -S : \\
${model.root.flatMap(optionSpecs).map((spec) => `      ${spec} \\`).join('\n')}
      '*: : _ferry_commands ""'
    return
  fi
  # From here on the command's last word stands first, so that its arguments are counted from 1.
  shift $((i - 1)) words
  (( CURRENT -= i - 1 ))
  case $command in
${model.commands.map(commandCase).join('\n')}
  esac
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _ferry "$@"
else
  compdef _ferry ferry
fi
`;
}

const described = (words: readonly { word: string; summary: string }[]): string => words.map(({ word, summary }) => `      ${quoted(`${word}:${summary}`)}`).join('\n');

function commandCase({ name, options, arguments: args }: CompletedCommand): string {
  const specs = [...options.flatMap(optionSpecs), ...args.map(({ name: value, offer }, i) => quoted(`${i + 1}:${value}:${action(offer)}`))];
  return `    (${quoted(name)}) _arguments -s -S : \\\n${specs.map((spec) => `      ${spec}`).join(' \\\n')} ;;`;
}

/** As `_arguments` has them: one for each spelling, which excludes the others. */
function optionSpecs({ flags, description, repeatable, value }: CompletedOption): string[] {
  const what = `[${description.replace(/[\\[\]:]/g, '\\$&')}]`;
  const follows = value === undefined ? '' : `${value.optional ? '::' : ':'}${value.name.replaceAll(':', ' ')}:${action(value.offer)}`;
  return flags.map((flag) => {
    const excluded = repeatable ? '*' : flags.length === 1 ? '' : `(${flags.join(' ')})`;
    const joined = value === undefined ? '' : flag.startsWith('--') ? '=' : '+';
    return quoted(`${excluded}${flag}${joined}${what}${follows}`);
  });
}

function action(offer: Offer): string {
  switch (offer.kind) {
    case 'nothing':
      return ' ';
    case 'words':
      return `(${offer.words.join(' ')})`;
    case 'files':
      return offer.endings.length === 0 ? '_files' : `_files -g "*.(${offer.endings.join('|')})"`;
    case 'folders':
      return '_files -/';
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
