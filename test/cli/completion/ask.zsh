# Prints what is offered for each command line: ask.zsh SCRIPT LINE … A line of its own for each, with tabs between.
# zsh completes only while somebody types, so a second zsh gets the lines through a terminal of its own.
zmodload zsh/zpty
script=$1
shift

zpty inner zsh -f -i
# A read ends at the end of a line, so each marker has one.
until_marker() {
  local chunk
  answer=''
  while zpty -r inner chunk; do
    answer+=$chunk
    [[ $answer == *"<$1>"* ]] && return
  done
  print -u2 "zsh ended before <$1>: $answer"
  exit 1
}

setup=$(mktemp)
cat > $setup <<END
PROMPT=''
autoload -Uz compinit && compinit -u -D
source ${(q)script}
bindkey '^I' complete-word
bindkey '^U' kill-whole-line
zstyle ':completion:*' menu no
# What is offered is printed, and then nothing is listed or inserted.
compadd() {
  if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
    builtin compadd "\$@"
    return
  fi
  local -a hits
  builtin compadd -A hits "\$@"
  local hit
  for hit in \$hits; do print -rn -- "<hit:\$hit>"; done
  builtin compadd "\$@"
}
told() { compstate[list]= compstate[insert]=; print -r -- "<done>"; }
ask() { comppostfuncs=(told); _main_complete; }
zle -C complete-word complete-word ask
print -r -- "<""ready>"
END
zpty -w inner "source $setup"
until_marker ready
rm -f $setup
for line; do
  zpty -w -n inner "$line"$'\t'
  until_marker done
  zpty -w -n inner $'\x15'
  local -aU hits=()
  while [[ $answer == *'<hit:'* ]]; do
    answer=${answer#*<hit:}
    hits+=("${answer%%>*}")
  done
  print -r -- ${(pj:\t:)hits}
done
zpty -d inner
