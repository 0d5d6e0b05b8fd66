"""The command line of `hanse run` as it is written nearly always, read without the library that reads all others.

That library takes longer to load than everything else that happens before the program starts. What is written in any other way
is left to it, so there is one meaning of every command line: `tests/cli/test_plain.py` compares both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What `hanse run` is told: the program with its arguments, and flags as in docs/commands.md."""

    command: tuple[str, ...]
    policy: str | None = None
    node: tuple[str, ...] = ()
    upstream: str | None = None
    offline: bool = False
    store: Path | None = None
    cache_size: str | None = None
    json_file: Path | None = None


_ONCE = ("--policy", "--upstream", "--store", "--cache-size", "--json")
_NODE, _OFFLINE, _END = "--node", "--offline", "--"


def parse_run(arguments: Sequence[str]) -> RunOptions | None:
    """Return what `run [--flag VALUE …] -- PROGRAM [ARGUMENT …]` says, None for every other command line.

    Left to others, besides: a flag given twice that may be given once, a value that is empty or begins with a hyphen,
    `--flag=VALUE`, and a program whose name begins with a hyphen, which is refused.
    """
    if arguments[:1] != ["run"] or _END not in arguments:
        return None
    end = arguments.index(_END)
    command = tuple(arguments[end + 1 :])
    found: dict[str, str] = {}
    nodes: list[str] = []
    words = iter(arguments[1:end])
    for word in words:
        value = word if word == _OFFLINE else next(words, "")
        if word == _NODE and _is_value(value):
            nodes.append(value)
        elif word not in found and (word == _OFFLINE or (word in _ONCE and _is_value(value))):
            found[word] = value
        else:
            return None
    return _options(command, tuple(nodes), found) if command and not command[0].startswith("-") else None


def _is_value(text: str) -> bool:
    return bool(text) and not text.startswith("-")


def _options(command: tuple[str, ...], nodes: tuple[str, ...], found: dict[str, str]) -> RunOptions:
    store, json_file = found.get("--store"), found.get("--json")
    return RunOptions(
        command,
        found.get("--policy"),
        nodes,
        found.get("--upstream"),
        _OFFLINE in found,
        None if store is None else Path(store),
        found.get("--cache-size"),
        None if json_file is None else Path(json_file),
    )
