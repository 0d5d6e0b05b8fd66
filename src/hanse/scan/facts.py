"""Facts: what a file's bytes say, before it has a name, and without judging it.

A file is read as every format that its content could be (a *view* each, also of members of archives); a view is a list of
*observations*. Facts have one canonical JSON form and are stored per content, so that a new ruleset judges without reading.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

MAX_TEXT = 300
"""Longest text from a file that is kept in an observation, in characters."""
SAFE_INTEGER = (1 << 53) - 1


@dataclass(frozen=True, slots=True)
class Observation:
    """One thing seen. kind: dotted, format first, such as `pickle.call`; at: bytes from the start of the view's member."""

    kind: str
    at: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> list[Any]:
        """Return [kind, at, data]."""
        return [self.kind, self.at, dict(self.data)]


@dataclass(frozen=True, slots=True)
class View:
    """A file or a member of it, read as one format.

    member: path inside the file, nested ones joined by `!/`, empty for the file itself; executes: loaders of this format can be
    made to run code or touch files; stopped: why reading ended early (`operations`, `encrypted`, `error:ValueError` ...), None if
    all was read.
    """

    format: str
    member: str
    size: int
    executes: bool
    observations: tuple[Observation, ...]
    stopped: str | None = None

    def all(self, *kinds: str) -> Iterator[Observation]:
        """Yield the observations of these kinds, in order."""
        return (one for one in self.observations if one.kind in kinds)

    def first(self, kind: str) -> Observation | None:
        """Return the first observation of this kind, if there is one."""
        return next(self.all(kind), None)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "format": self.format,
            "member": self.member,
            "size": self.size,
            "executes": self.executes,
            "observations": [one.to_json() for one in self.observations],
            "stopped": self.stopped,
        }


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything seen in one file. scanner: id with the versions that matter; spent: budget used."""

    scanner: str
    size: int
    views: tuple[View, ...]
    spent: Mapping[str, int]
    _by: dict[tuple[str, str | None], list[View]] = field(default_factory=dict, init=False, compare=False, repr=False)

    def of(self, format_name: str, member: str | None = None) -> Iterator[View]:
        """Yield the views of a format, of one member if given."""
        if not self._by:
            for view in self.views:
                self._by.setdefault((view.format, None), []).append(view)
                self._by.setdefault((view.format, view.member), []).append(view)
        return iter(self._by.get((format_name, member), ()))

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        views = [view.to_json() for view in self.views]
        return {"scanner": self.scanner, "size": self.size, "views": views, "spent": dict(self.spent)}


def facts_from_json(value: Mapping[str, Any]) -> Facts:
    """Return the facts whose JSON form `value` is; raises KeyError, TypeError or ValueError if it is none."""
    views = tuple(
        View(
            format=str(view["format"]),
            member=str(view["member"]),
            size=int(view["size"]),
            executes=bool(view["executes"]),
            observations=tuple(Observation(str(kind), at, data) for kind, at, data in view["observations"]),
            stopped=view["stopped"],
        )
        for view in value["views"]
    )
    return Facts(str(value["scanner"]), int(value["size"]), views, dict(value["spent"]))


def plain(value: Any, depth: int = 6) -> Any:
    """Return a value that canonical JSON can hold: integers beyond 2^53 and floats as text, texts cut and without surrogates."""
    if value is None or isinstance(value, bool) or (type(value) is str and len(value) <= MAX_TEXT and value.isascii()):
        return value
    if type(value) is dict and depth:  # most of what is kept, and slow to tell by what comes below
        return {
            key if type(key) is str and len(key) <= MAX_TEXT and key.isascii() else plain(str(key)): plain(item, depth - 1)
            for key, item in islice(value.items(), 64)
        }
    if isinstance(value, int):
        if -SAFE_INTEGER <= value <= SAFE_INTEGER:
            return int(value)
        # Never in decimal: turning thousands of digits into text is slow, and refused beyond 4,300 of them.
        return hex(value) if value.bit_length() <= 256 else f"integer of {value.bit_length()} bits"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value[:MAX_TEXT]).decode("latin-1")
    if isinstance(value, str):
        return value[:MAX_TEXT].encode("utf-8", "backslashreplace").decode("utf-8")
    if depth and isinstance(value, Mapping):
        return {plain(str(key)): plain(item, depth - 1) for key, item in list(value.items())[:64]}
    if depth and isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        return [plain(item, depth - 1) for item in list(items)[:64]]
    return type(value).__name__
