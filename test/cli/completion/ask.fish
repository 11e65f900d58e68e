# Prints what is offered for each command line: ask.fish SCRIPT LINE … A line of its own for each, with tabs between.
source $argv[1]
for line in $argv[2..-1]
    echo (string join \t -- (complete -C $line | string replace -r '\t.*' ''))
end
