"""How far something is, in one line of a terminal that is written over and taken away before anything else is said."""

from __future__ import annotations

import sys


def show(text: str) -> None:
    """Show a line on standard error in the place of the last one; nothing where that is no terminal."""
    if sys.stderr.isatty():
        print(f"\r{text}", end="\x1b[K", file=sys.stderr, flush=True)


def clear() -> None:
    """Take the line away, so that what is printed next does not stand behind it."""
    show("")
