# Prints what is offered for each command line: ask.bash SCRIPT LINE … A line of its own for each, with tabs between.
source "$1"
shift
for line; do
  # As readline cuts it: = and the colon are words of their own, and what follows the last blank is the word to complete.
  spaced=${line//=/ = }
  spaced=${spaced//:/ : }
  read -r -a COMP_WORDS <<<"$spaced"
  [[ $spaced == *' ' ]] && COMP_WORDS+=('')
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  COMPREPLY=()
  _ferry
  (IFS=$'\t'; printf '%s\n' "${COMPREPLY[*]}")
done
