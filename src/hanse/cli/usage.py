"""Errors that end a command with an exit code other than 1."""

from __future__ import annotations

from hanse.errors import InputError


class Ending(InputError):
    """What ends a command with the exit code `exit_code`."""

    exit_code = 1


class WrongUsage(Ending):
    """An argument or flag is unknown, missing, or excluded by another one, whatever is on this machine or elsewhere.

    The exit code is that of what the command line's library finds.
    """

    exit_code = 2


class NotFound(Ending):
    """The program to be run is not there, told as shells, `env` and the like do."""

    exit_code = 127


class NotExecutable(Ending):
    """The program to be run cannot be executed, told as above."""

    exit_code = 126
