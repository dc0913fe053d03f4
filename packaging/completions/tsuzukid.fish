# fish completion of tsuzukid. The program's own --help says what there is, so this needs no list to keep in step.
function __tsuzukid_next
    set -l words (commandline -opc)
    set -l command
    for word in $words[2..-1]
        string match -q -- '-*' $word; and break
        set -a command $word
    end
    if string match -q -- '-*' (commandline -ct)
        $words[1] $command --help 2>/dev/null | sed -nE 's/^  (-[a-z], )?(--[a-z-]+).*/\2/p'
        return
    end
    set -l begin (string join '' -- (string join ' ' -- $command) (test (count $command) -gt 0; and echo ' '))
    $words[1] --help 2>/dev/null | sed -nE '/^Commands/,/^$/s/^  tsuzukid ([a-z]+( [a-z]+)*) .*/\1 /p' |
        sed -nE "s/^$begin([a-z]+) .*/\1/p" | sort -u
end
function __tsuzukid_after
    contains -- (commandline -opc)[-1] $argv
end
complete -c tsuzukid -f
complete -c tsuzukid -n '__tsuzukid_after --config' -F
complete -c tsuzukid -n '__tsuzukid_after --data-dir' -a '(__fish_complete_directories)'
complete -c tsuzukid -n 'not __tsuzukid_after --config --data-dir --port --bind' -a '(__tsuzukid_next)'
