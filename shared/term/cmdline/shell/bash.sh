# bash completion for PROGRAM. Load it with: source <(PROGRAM completion bash)
FUNCTION() {
	local rest=${COMP_LINE:0:COMP_POINT} i word words=() current
	# bash breaks words at = and :, which options and repositories hold. What
	# has no space before it belongs to the word before.
	for ((i = 0; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $i -eq 0 || $rest == [[:space:]]* ]]; then
			rest=${rest#"${rest%%[![:space:]]*}"}
			words+=("")
		fi
		[[ $i -eq $COMP_CWORD || $rest != "$word"* ]] && word=$rest
		words[${#words[@]} - 1]+=$word
		rest=${rest#"$word"}
	done
	# As the program would get them, without quotes.
	words=("${words[@]//[\\\"\']/}")
	current=${words[${#words[@]} - 1]}

	local line directive="" answers=()
	while IFS= read -r line; do
		case $line in
			:*) directive=$line ;;
			*) answers+=("${line%%$'\t'*}") ;;
		esac
	done < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)

	# bash replaces only what is after the last character it breaks words at.
	local kept=""
	case $current in
		*[=:]*) kept=${current%"${current##*[=:]}"} ;;
	esac
	[[ $kept == *: && $COMP_WORDBREAKS != *:* || $kept == *= && $COMP_WORDBREAKS != *=* ]] && kept=""

	COMPREPLY=()
	for line in "${answers[@]}"; do
		line=${line#"$kept"}
		printf -v line %q "$line"
		COMPREPLY+=("$line")
	done
	local path=${current#*=}
	[[ $current == -*=* ]] || path=$current
	case $directive in
		:files) compopt -o filenames 2>/dev/null; mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$path") ;;
		:dirs) compopt -o filenames 2>/dev/null; mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -d -- "$path") ;;
	esac
}
complete -F FUNCTION PROGRAM
