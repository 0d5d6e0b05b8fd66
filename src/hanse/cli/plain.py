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


_TEXTS = {"--policy": "policy", "--upstream": "upstream", "--cache-size": "cache_size"}
_PATHS = {"--store": "store", "--json": "json_file"}
_NODE, _OFFLINE, _END = "--node", "--offline", "--"


def parse_run(arguments: Sequence[str]) -> RunOptions | None:
    """Return what `run [--flag VALUE …] -- PROGRAM [ARGUMENT …]` says, None for every other command line.

    Left to others, besides: a flag given twice that may be given once, a value that is empty or begins with a hyphen, and
    `--flag=VALUE`.
    """
    if arguments[:1] != ["run"] or _END not in arguments:
        return None
    end = arguments.index(_END)
    command = tuple(arguments[end + 1 :])
    found: dict[str, str | Path | bool] = {}
    nodes: list[str] = []
    words = iter(arguments[1:end])
    for word in words:
        name = "offline" if word == _OFFLINE else "node" if word == _NODE else _TEXTS.get(word) or _PATHS.get(word)
        if name is None or name in found:
            return None
        if name == "offline":
            found[name] = True
            continue
        value = next(words, "")
        if not value or value.startswith("-"):
            return None
        if name == "node":
            nodes.append(value)
        else:
            found[name] = Path(value) if word in _PATHS else value
    return RunOptions(command, node=tuple(nodes), **found) if command else None  # type: ignore[arg-type] names and types as above
