"""What is wrong in a command line itself, told by the exit code 2 as what the command line's library finds is."""

from __future__ import annotations

from hanse.errors import InputError


class WrongUsage(InputError):
    """An argument or flag is unknown, missing, or excluded by another one, whatever is on this machine or elsewhere."""
