"""What the steps of `hanse.flows.fsck` write their findings into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hanse.errors import BlobNotFound, HanseError
from hanse.flows.node import Node
from hanse.flows.quarantine import move_object
from hanse.store.keys import ObjectKey

MAX_PROBLEMS = 10_000
"""Problems that are reported one by one; more are counted only."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not what it should be.

    kind: `xorb`, `table`, `blob`, `shard`, `chunk-list`, `record`, `bundle`, `stray`, `file`, `revision`, `advisory`, `journal`
    or `mirror`; name: object key or what the catalogue calls it; message: expected and got; quarantined: whether the object was
    moved away.
    """

    kind: str
    name: str
    message: str
    quarantined: bool = False


@dataclass(eq=False)
class Checker:
    """Collects what the parts of a check find.

    quarantine: folder for damaged objects, None to leave them; deep: also read every file as a whole.
    """

    node: Node
    quarantine: Path | None = None
    deep: bool = False
    progress: Callable[[str, int], None] = lambda _kind, _count: None
    checked: dict[str, int] = field(default_factory=dict)
    read: int = 0
    problems: list[Problem] = field(default_factory=list)
    more: int = 0

    def count(self, kind: str, size: int = 0) -> None:
        """Count one thing that was looked at, and the bytes read for it."""
        self.checked[kind] = self.checked.get(kind, 0) + 1
        self.read += size
        self.progress(kind, self.checked[kind])

    def report(self, kind: str, name: str, message: str, key: ObjectKey | None = None) -> None:
        """Record a problem; the object at `key`, if given, is the damaged one and goes to quarantine."""
        moved = self.quarantine is not None and key is not None and move_object(self.node.store, key, self.quarantine)
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(kind, name, message, moved))
        else:
            self.more += 1

    def guard(self, kind: str, name: str, check: Callable[[], object], key: ObjectKey | None = None) -> bool:
        """Run one check; what it raises becomes a problem. Tells whether all was well."""
        try:
            check()
        except BlobNotFound as error:  # nothing is there that could be moved
            self.report(kind, name, error.message)
        except HanseError as error:
            self.report(kind, name, error.message, key)
        else:
            return True
        return False
