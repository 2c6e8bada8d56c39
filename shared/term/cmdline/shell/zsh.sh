#compdef PROGRAM
# zsh completion for PROGRAM. Load it with: source <(PROGRAM completion zsh)
FUNCTION() {
	local line directive="" prefix=""
	local -a answers
	local -a args=("${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}")
	while IFS= read -r line; do
		case $line in
			:*) directive=$line ;;
			*$'\t'?*) answers+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
			*) answers+=("${${line%%$'\t'*}//:/\\:}") ;;
		esac
	done < <("${args[1]}" __complete "${(@)args[2,-1]}" 2>/dev/null)
	(( $#answers )) && _describe -V PROGRAM answers
	if [[ $directive == :* ]]; then
		[[ $PREFIX == -*=* ]] && compset -P '*='
		case $directive in
			:files) _files ;;
			:dirs) _files -/ ;;
		esac
	fi
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -D; }
compdef FUNCTION PROGRAM
# Installed as a file that zsh loads when it is needed, this is the first call.
[[ ${funcstack[1]-} == _PROGRAM ]] && FUNCTION "$@"
true
