"""`hanse completion`: tab completion for bash, zsh and fish."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter


def completion(
    shell: Annotated[
        Literal["bash", "zsh", "fish"] | None, Parameter(help="Shell to write for; default: the one in use.")
    ] = None,
    *,
    show: Annotated[bool, Parameter(name="--print", help="Print the script instead of installing it.")] = False,
) -> int:
    """Install tab completion for the shell in use."""
    from hanse.cli.commands import app

    if show:
        print(app.generate_completion(shell=shell))
        return 0
    path = app.install_completion(shell=shell, add_to_startup=False)
    print(f"wrote {path}; new shells that load completions from there know hanse")
    return 0
