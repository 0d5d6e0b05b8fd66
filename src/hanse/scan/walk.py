"""The walk through one file: its budget, the views made so far, and the way down into members."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, Self

from hanse.scan.budget import Budget, OverBudget
from hanse.scan.facts import SAFE_INTEGER, Observation, View, plain
from hanse.scan.source import Source

MAX_PER_VIEW = 2_000
VIEW_COST = 400
JOINER = "!/"


class Malformed(Exception):
    """Bytes that claim a format and break its rules; kept as observation `<format>.malformed` with the reason."""

    def __init__(self, reason: str, at: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.at = at


class ViewBuilder:
    """A view being made; a context manager that turns what ends it early into facts.

    Malformed becomes an observation, OverBudget and every other error (RecursionError and MemoryError included) the reason
    why the view stopped, so that a hostile file never ends the scan.
    """

    def __init__(self, walk: Walk, format_name: str, member: str, source: Source, *, executes: bool) -> None:
        self._walk = walk
        self.format = format_name
        self.member = member
        self.size = source.size
        self.executes = executes
        self.stopped: str | None = None
        self._seen: list[Observation] = []

    def see(self, kind: str, at: int | None = None, **data: Any) -> None:
        """Keep an observation; `kind` without the format's name and dot gets it. Raises OverBudget past the bound."""
        if len(self._seen) >= MAX_PER_VIEW:
            raise OverBudget("observations")
        self._walk.budget.spend("observations")
        name = kind if "." in kind else f"{self.format}.{kind}"
        self._seen.append(Observation(name, _place(at), {key: plain(value) for key, value in data.items()}))

    def stop(self, reason: str) -> None:
        """Say that a part was not read; the first reason is kept."""
        self.stopped = self.stopped or reason

    def __enter__(self) -> Self:
        self._slot = self._walk.reserve()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        if isinstance(error, Malformed):
            self._seen.append(Observation(f"{self.format}.malformed", _place(error.at), {"reason": plain(error.reason)}))
        elif isinstance(error, OverBudget):
            self.stop(error.resource)
        elif error is not None and isinstance(error, Exception):
            self.stop(f"error:{type(error).__name__}")
        view = View(self.format, self.member, self.size, self.executes, tuple(self._seen), self.stopped)
        self._walk.fill(self._slot, view)
        return error is None or isinstance(error, Exception)


class Describe(Protocol):
    """Reads a source as every format it could be (`hanse.scan.dispatch.describe`)."""

    def __call__(self, source: Source, member: str, walk: Walk, /) -> None:
        """Add the views of `source` to the walk."""
        ...


class Walk:
    """State of the scan of one file."""

    def __init__(self, budget: Budget, describe: Describe) -> None:
        self.budget = budget
        self._describe = describe
        self._views: list[View | None] = []
        self.depth = 0

    def view(self, format_name: str, member: str, source: Source, *, executes: bool) -> ViewBuilder:
        """Return a new view of a member; use it in a `with` block. Raises OverBudget."""
        self.budget.spend("operations", VIEW_COST)
        return ViewBuilder(self, format_name, member, source, executes=executes)

    def reserve(self) -> int:
        """Keep the next place for a view, so that views come in the order in which they were begun."""
        self._views.append(None)
        return len(self._views) - 1

    def fill(self, slot: int, view: View) -> None:
        """Put a finished view into its place."""
        self._views[slot] = view

    def descend(self, source: Source, member: str, describe: Callable[[Source, str, Walk], None] | None = None) -> None:
        """Read a member as every format it could be, or by `describe` alone; raises OverBudget past `members` or `depth`.

        member: the whole path from the file, as `join` makes it.
        """
        self.budget.spend("members")
        if self.depth >= self.budget.limits["depth"]:
            raise OverBudget("depth")
        self.depth += 1
        self.budget.spent["depth"] = max(self.budget.spent["depth"], self.depth)
        try:
            (describe or self._describe)(source, member, self)
        finally:
            self.depth -= 1

    def views(self) -> tuple[View, ...]:
        """Return the finished views in the order in which they were begun."""
        return tuple(view for view in self._views if view is not None)


def _place(at: int | None) -> int | None:
    """Return a place as it is kept: what lies beyond any file was only claimed to be a place."""
    return int(at) if at is not None and 0 <= at <= SAFE_INTEGER else None


def join(member: str, name: str) -> str:
    """Return the path of `name` inside `member`."""
    return f"{member}{JOINER}{name}" if member else name
