import { type CompletedOption, type CompletionModel, type Offer, firstWords, lastWord, placesByOffer } from './model.js';

/**
 * The completion script for bash, from 3.2 on (macOS has no newer one), without the package bash-completion. Every name
 * in it comes from the registry and holds nothing that a shell would read otherwise.
 */
export function bashCompletion(model: CompletionModel): string {
  return `# bash completion of ferry, made by: ferry completion bash

# What a command takes: its options, those that a value follows, and of these the ones whose value may be left out.
_ferry_takes() {
  options='' values='' maybe=''
  case $1 in
    '') ${takes(model.root)} ;;
${model.commands.map(({ name, options }) => `    '${name}') ${takes(options)} ;;`).join('\n')}
  esac
}

# What follows an option of a command, or stands as its nth argument.
_ferry_value() {
  case "$1 $2" in
${placesByOffer(model)
  .map(({ offer, places }) => `    ${places.map(({ command, at }) => `'${command.name} ${at}'`).join('|')}) ${offerCall(offer)} ;;`)
  .join('\n')}
${model.root.flatMap(({ flags, value }) => (value === undefined || value.offer.kind === 'nothing' ? [] : [`    ${flags.map((flag) => `' ${flag}'`).join('|')}) ${offerCall(value.offer)} ;;`])).join('\n')}
  esac
}

_ferry_words() {
  local word
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$1" -- "$cur")
}

_ferry_folders() {
  local word
  compopt -o filenames 2>/dev/null
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -d -- "$name")
}

# Files with one of these endings, and the folders on the way; any file where none is given.
_ferry_files() {
  local word ending
  if [[ $# -eq 0 ]]; then
    compopt -o filenames 2>/dev/null
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$name")
    return
  fi
  _ferry_folders
  for ending; do
    while IFS= read -r word; do
      [[ -d $word ]] || COMPREPLY+=("$word")
    done < <(compgen -f -X "!*.$ending" -- "$name")
  done
}

_ferry() {
  local cur=\${COMP_WORDS[COMP_CWORD]} group='' command='' option='' options values maybe name word i n=0
  COMPREPLY=()
  _ferry_takes ''
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    # bash cuts words at = and at a colon: --site=FILE and HOST:PORT are three words here.
    [[ $word == '=' ]] && continue
    if [[ $word == ':' ]]; then
      i=$((i + 1))
      continue
    fi
    if [[ -n $option ]]; then
      if [[ $maybe != *" $option "* || $word != -* ]]; then
        option=''
        continue
      fi
      option=''
    fi
    if [[ $word == -* ]]; then
      [[ $values == *" $word "* ]] && option=$word
    elif [[ -n $command ]]; then
      n=$((n + 1))
    elif [[ -z $group && $word == help ]]; then
      continue
    elif [[ -z $group && ' ${model.groups.map(({ name }) => name).join(' ')} ' == *" $word "* ]]; then
      group=$word options='' values=''
    else
      command=\${group:+$group }$word
      _ferry_takes "$command"
    fi
  done
  [[ $cur == '=' ]] && cur=''
  # As the file system has it: readline puts the quotes back.
  name=\${cur//\\\\/}
  name=\${name#[\\"\\']}
  if [[ -n $option && ($maybe != *" $option "* || $cur != -*) ]]; then
    _ferry_value "$command" "$option"
  elif [[ $cur == -* ]]; then
    _ferry_words "$options"
  elif [[ -n $command ]]; then
    _ferry_value "$command" $((n + 1))
  else
    case $group in
      '') _ferry_words '${firstWords(model).map(({ word }) => word).join(' ')} help' ;;
${model.groups.map(({ name, members }) => `      ${name}) _ferry_words '${members.map((member) => lastWord(member.name)).join(' ')}' ;;`).join('\n')}
    esac
  fi
}

complete -F _ferry ferry
`;
}

function takes(options: readonly CompletedOption[]): string {
  const flags = (of: readonly CompletedOption[]): string => of.flatMap((option) => option.flags).join(' ');
  const valued = options.filter(({ value }) => value !== undefined);
  const maybe = valued.filter(({ value }) => value?.optional === true);
  return [`options='${flags(options)}'`, ...(valued.length === 0 ? [] : [`values=' ${flags(valued)} '`]), ...(maybe.length === 0 ? [] : [`maybe=' ${flags(maybe)} '`])].join(' ');
}

function offerCall(offer: Offer): string {
  switch (offer.kind) {
    case 'nothing':
      return ':';
    case 'words':
      return `_ferry_words '${offer.words.join(' ')}'`;
    case 'files':
      return ['_ferry_files', ...offer.endings].join(' ');
    case 'folders':
      return '_ferry_folders';
  }
}
