"""Clients in Python whose downloads into a program's own places nobody checks (`hanse.guest`), by what they call themselves."""

from __future__ import annotations

import re

UNWATCHED = (
    "its Hub client runs without what PYTHONPATH leads to, as under `python -I`: what it finds in folders and caches that "
    "the program names is not checked"
)
CHECKED = "hanse-checked"
_CLIENT = re.compile(r"\bhf_hub/([0-9]{1,4})\.([0-9]{1,4})\.")
_SAYS_IT = (0, 34)
"""The oldest version that is known to say where it comes from."""


def is_unwatched(agent: str) -> bool:
    """Tell whether a user agent is that of a client that would say that it is checked, and does not."""
    found = _CLIENT.search(agent)
    return found is not None and (int(found[1]), int(found[2])) >= _SAYS_IT and CHECKED not in agent
