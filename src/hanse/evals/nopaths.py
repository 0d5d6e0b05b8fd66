"""Texts of errors without the folders that they name: what is shown to others says nothing of somebody's machine."""

from __future__ import annotations

import re

_PATH = re.compile(r"(?<![\w/:.\\~])(?:~[\w.-]*|[A-Za-z]:)?[/\\](?:[^\s/\\'\"<>|:;,()\[\]]+[/\\])*([^\s/\\'\"<>|:;,()\[\]]*)")


def without_paths(text: str) -> str:
    """Return a text in which each absolute path is its last part, behind three dots; addresses of the web stay."""
    return _PATH.sub(lambda found: f".../{found[1]}" if len(found[0]) > 1 else found[0], text)
