"""`hanse login` and `hanse logout`: tokens for servers, each shown to its own server only."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from hanse.errors import InputError

if TYPE_CHECKING:
    from hanse.flows.credentials import Credentials

Place = Annotated[str, Parameter(help="Name of an origin, such as models.example.org, or address of a server.")]


def _credentials() -> Credentials:
    from hanse.flows.credentials import Credentials
    from hanse.home import home_folder

    return Credentials(home_folder(os.environ), os.environ)


def login(
    place: Place,
    /,
    *,
    token_stdin: Annotated[bool, Parameter(help="Read the token from standard input instead of asking for it.")] = False,
) -> None:
    """Keep a token for a server, after asking it whose token that is; it is shown to that server and no other."""
    from hanse.flows.credentials import log_in

    url, account = log_in(_credentials(), place, _token(place, from_stdin=token_stdin))
    print(f"logged in to {url} as {account}")


def _token(place: str, *, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline(8192).strip()
    if not sys.stdin.isatty():
        raise InputError("there is no terminal to ask for the token", hint="pass it on standard input, with --token-stdin")
    from getpass import getpass

    return getpass(f"token for {place}: ")


def logout(place: Place, /) -> int:
    """Forget the token for a server; exits with 1 if there was none."""
    found = _credentials().forget(place)
    print(f"the token for {place} is forgotten" if found else f"there was no token for {place}")
    return 0 if found else 1
