# fish completion for PROGRAM. Load it with: PROGRAM completion fish | source
function FUNCTION
    set -l words (commandline -opc) (commandline -ct)
    set -l current $words[-1]
    for line in (command $words[1] __complete $words[2..-1] 2>/dev/null)
        switch $line
            case ':files'
                __fish_complete_path (string replace -r '^-[^=]*=' '' -- $current)
            case ':dirs'
                __fish_complete_directories (string replace -r '^-[^=]*=' '' -- $current) ''
            case '*'
                echo $line
        end
    end
end
complete -c PROGRAM -f -a '(FUNCTION)'
