namespace MLPlatform.Cli.Framework;

/// <summary>The scripts of <c>mlp completion</c>. Each hands the words before the cursor to <c>mlp __complete</c> and offers what comes back.</summary>
internal static class CompletionScripts
{
    // COMP_WORDS is cut at ':' and '=', which URIs and --option=value contain, so the line is cut at spaces here; and what bash
    // believes to be earlier words is taken off the answers again.
    public const string Bash = """
        # bash completion for mlp. Load it with: source <(mlp completion bash)
        _mlp() {
            local line="${COMP_LINE:0:COMP_POINT}" cur="" word answer files=""
            local -a words=()
            read -ra words <<< "$line"
            if [[ "$line" != *[[:space:]] && ${#words[@]} -gt 1 ]]; then
                cur="${words[${#words[@]}-1]}"
                unset "words[${#words[@]}-1]"
            fi
            COMPREPLY=()
            while IFS= read -r answer; do
                case "$answer" in
                    :*) files="${answer#:}" ;;
                    *)
                        word="${answer%%$'\t'*}"
                        COMPREPLY+=("$word")
                        ;;
                esac
            done < <("${words[0]}" __complete -- "${words[@]:1}" "$cur" 2>/dev/null)
            local wordbreaks="${COMP_WORDBREAKS//[^:=]/}" prefix=""
            if [[ "$cur" == *[:=]* && -n "$wordbreaks" ]]; then
                prefix="${cur%"${cur##*[:=]}"}"
                local i
                for i in "${!COMPREPLY[@]}"; do
                    COMPREPLY[i]="${COMPREPLY[i]#"$prefix"}"
                done
            fi
            case "$files" in
                files) while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "${cur#"$prefix"}") ;;
                dirs) while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -d -- "${cur#"$prefix"}") ;;
            esac
            if [[ -n "$files" ]]; then
                compopt -o filenames 2>/dev/null
            elif [[ ${#COMPREPLY[@]} -eq 1 && "${COMPREPLY[0]}" == *= ]]; then
                compopt -o nospace 2>/dev/null
            fi
        }
        complete -F _mlp mlp ./mlp

        """;

    public const string Zsh = """
        #compdef mlp
        # zsh completion for mlp. Load it with: source <(mlp completion zsh)
        _mlp() {
            local answer files=""
            local -a found described
            while IFS= read -r answer; do
                case "$answer" in
                    :*) files="${answer#:}" ;;
                    *$'\t'?*) described+=("${${answer%%$'\t'*}//:/\\:}:${answer#*$'\t'}") ;;
                    *) found+=("${answer%%$'\t'*}") ;;
                esac
            done < <("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)
            (( ${#described} )) && _describe 'mlp' described
            (( ${#found} )) && compadd -- "${found[@]}"
            case "$files" in
                files) _files ;;
                dirs) _files -/ ;;
            esac
        }
        (( $+functions[compdef] )) && compdef _mlp mlp

        """;

    public const string Fish = """
        # fish completion for mlp. Load it with: mlp completion fish | source
        function __mlp_complete
            set -l words (commandline -opc)
            set -l current (commandline -ct)
            for answer in ($words[1] __complete -- $words[2..-1] "$current" 2>/dev/null)
                switch $answer
                    case ':files'
                        __fish_complete_path $current
                    case ':dirs'
                        __fish_complete_directories $current
                    case ':'
                        continue
                    case '*'
                        echo $answer
                end
            end
        end
        complete -c mlp -f -a '(__mlp_complete)'

        """;
}
