"""Names inside archives: where a member would be written by a tool that believes its name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hanse.scan.facts import View
from hanse.scan.formats import Context
from hanse.scan.ruleset import Hit

_CONTROLS = re.compile("[\x00-\x1f\x7f]")
ESCAPES, ABSOLUTE, DOTS, BACKSLASH, CONTROL = "escapes", "absolute", "dots", "backslash", "control"


def problem(name: str) -> str | None:
    """Return what is wrong with a member's name, the worst thing only: one of the constants above, None if nothing is."""
    parts = name.replace("\\", "/").split("/")
    if name[:1] in {"/", "\\"} or (len(name) > 1 and name[1] == ":" and name[0].isascii() and name[0].isalpha()):
        return ESCAPES if escapes(parts) else ABSOLUTE
    if ".." in parts:
        return ESCAPES if escapes(parts) else DOTS
    if _CONTROLS.search(name):
        return CONTROL
    return BACKSLASH if "\\" in name else None


def label(name: str) -> str:
    """Return a name as part of a member's path: of a very long one both ends are kept."""
    return name if len(name) <= 512 else f"{name[:256]}...{name[-250:]}"


def escapes(parts: list[str]) -> bool:
    """Tell whether a path, in parts, leaves the folder that it starts in."""
    depth = 0
    for part in parts:
        depth += -1 if part == ".." else part not in {"", "."}
        if depth < 0:
            return True
    return False


def link_escapes(name: str, target: str) -> bool:
    """Tell whether a link called `name` leads out of the folder that the archive is unpacked into."""
    if problem(target) == ABSOLUTE:
        return True
    folder = [part for part in name.replace("\\", "/").split("/")[:-1] if part not in {"", "."}]
    return escapes([*folder, *target.replace("\\", "/").split("/")])


def judge_names(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rules about `<format>.name` observations, each {name, problem}."""
    rules = {
        ESCAPES: "ARCHIVE-PATH-ESCAPES",
        DOTS: "ARCHIVE-NAME-ODD",
        BACKSLASH: "ARCHIVE-NAME-ODD",
        CONTROL: "ARCHIVE-NAME-CONTROL",
    }
    for one in view.all(f"{view.format}.name"):
        name = str(one.data["name"])
        kind = str(one.data["problem"])
        rule = rules.get(kind, "ARCHIVE-PATH-ABSOLUTE")
        if kind == ABSOLUTE and is_system_path(name, context):
            rule = "ARCHIVE-PATH-SYSTEM"
        yield Hit(rule, view.member, one.at, words={"name": name})


def _folders(path: str) -> list[str]:
    parts = [part for part in path.replace("\\", "/").lower().split("/") if part not in {"", ".", ".."}]
    return parts[1:] if parts and parts[0].endswith(":") else parts


def is_system_path(path: str, context: Context) -> bool:
    """Tell whether a path, from the root, leads where programs, accounts or start-up files are."""
    parts = _folders(path)
    return bool(parts) and (parts[0] in context.rules.names("archive", "system_folders") or is_secret_path(path, context))


def is_secret_path(path: str, context: Context) -> bool:
    """Tell whether a path, from the root, leads to accounts, keys, settings of a user, or the system's own state."""
    parts = _folders(path)
    return bool(parts) and (
        parts[0] in context.rules.names("archive", "secret_folders")
        or not context.rules.names("archive", "secret_names").isdisjoint(parts)
    )


def has_model_name(context: Context) -> bool:
    """Tell whether the file has an ending under which model loaders open files."""
    return context.suffix in context.rules.names("archive", "model_suffixes")
