"""Where a path that a model names would lead a loader: beside the model, out of its folder, or to another machine."""

from __future__ import annotations

import re

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}:(//|\\\\)")
DRIVE = re.compile(r"[A-Za-z]:([/\\]|$)")
INSIDE = "beside the model"


def reach(path: str) -> str:
    """Return where a path leads, in words that fit after "leads": INSIDE, or what is wrong with it.

    Both kinds of slashes count on every system: a file is judged the same everywhere, and Windows takes both.
    """
    text = path.strip()
    if SCHEME.match(text):
        return "to an address (" + text.split(":", 1)[0].lower()[:20] + ")"
    if text.lower().startswith("file:"):
        return "to a file anywhere on the machine"
    if text.startswith(("//", "\\\\")):
        return "to another machine's share"
    if text.startswith(("/", "\\")) or DRIVE.match(text):
        return "to a file anywhere on the machine"
    segments = re.split(r"[/\\]", text)
    if text.startswith(("~", "$", "%")) and not text.startswith("%b"):
        return "to a file in the user's home"
    if ".." in segments:
        return "out of the model's folder"
    if "\0" in text:
        return "to a name that is cut at a NUL"
    return INSIDE


def is_outside(path: str) -> bool:
    """Tell whether a path leads anywhere else than beside the model."""
    return reach(path) != INSIDE
