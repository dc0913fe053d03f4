# fish completion of tsuzuki. The program's own --help says what there is, and its store which titles.
function __tsuzuki_next
    set -l words (commandline -opc)
    if string match -q -- '-*' (commandline -ct)
        $words[1] $words[2] --help 2>/dev/null | sed -nE 's/^  (--[a-z-]+).*/\1/p'
    else if test (count $words) -eq 1
        $words[1] --help 2>/dev/null | sed -nE 's/^  ([a-z]+) {2,}(.*)/\1\t\2/p'
    else if $words[1] $words[2] --help 2>/dev/null | grep -qE '^Usage: tsuzuki [a-z]+ \[?KEY'
        $words[1] list --offline 2>/dev/null | cut -f1,2
    end
end
function __tsuzuki_after
    contains -- (commandline -opc)[-1] $argv
end
complete -c tsuzuki -f
complete -c tsuzuki -n '__tsuzuki_after --ca' -F
complete -c tsuzuki -n '__tsuzuki_after --data-dir' -a '(__fish_complete_directories)'
complete -c tsuzuki -n '__tsuzuki_after --status' -a 'plan_to_watch watching on_hold completed dropped'
complete -c tsuzuki -n 'not __tsuzuki_after --ca --data-dir --status' -a '(__tsuzuki_next)'
