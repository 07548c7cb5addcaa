"""``automl completion``: what a shell needs to complete commands, flags, studies, spec keys and spaces."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["command"]

_BASH = """\
_automl() {
    local IFS=$'\\n'
    COMPREPLY=($(automl completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
complete -o default -F _automl automl
"""
_ZSH = """\
#compdef automl
_automl() {
    local -a found
    found=("${(@f)$(automl completion words -- "${(@)words[2,$CURRENT]}" 2>/dev/null)}")
    if [[ -z $found[1] ]]; then _files
    elif [[ $found[1] == *= ]]; then compadd -S '' -- $found
    else compadd -- $found
    fi
}
compdef _automl automl
"""
_FISH = """\
function __automl_words
    set -l found (automl completion words -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)
    if test -n "$found"
        printf '%s\\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c automl -f -a '(__automl_words)'
"""
_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
_WORDS = "words"


def command(
    shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
    words: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
) -> int:
    r"""Print the completion script of a shell.

    \b
    Examples:
      eval "$(automl completion bash)"
      automl completion fish > ~/.config/fish/completions/automl.fish
    """
    from automl.errors import UsageError

    if shell == _WORDS:
        from automl.cli.candidates import list_candidates

        print("\n".join(list_candidates(words or [""])))
        return 0
    if shell not in _SCRIPTS:
        raise UsageError(
            f"{shell!r} is no shell that is known", where="SHELL", hint=f"one of {', '.join(_SCRIPTS)}"
        )
    print(_SCRIPTS[shell], end="")
    return 0
