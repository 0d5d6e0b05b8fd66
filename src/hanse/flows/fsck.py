"""Checks everything a node keeps against its name: objects, catalogue, revisions, journal (`hanse admin fsck`).

1.  Every xorb is read whole: each chunk against its hash, the xorb against its name, and its stored form against its table.
2.  Every other object is recomputed: blobs, shards, revision records and the payloads of bundles by SHA-256, chunk lists to the
    file they are named by.
3.  Every file of the catalogue: its chunk list, and that its terms lead to those very chunks, or its blob has its size. A
    deep check also reads the file as a client would get it: its SHA-256, and for one stored whole the chunks of its bytes.
4.  Every revision: its record, ids and files; the heads of all refs with all their files and the tree recomputed. Every statement
    about one: its bundle, signed by a key that the log names, and its leaf.
5.  The journal: tiles recomputed from the entry bundles up to the head's root, and the catalogue's leaves among them.
6.  Copies of other logs: tiles recomputed from the entry bundles up to the root that was cosigned.

It may run beside a serving node. Nothing is deleted: with a quarantine folder, damaged objects are moved there, under their
key, so that the same bytes can be stored again by whoever still has them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hanse.errors import BadSetting, BlobNotFound, HanseError
from hanse.flows.node import Node
from hanse.flows.quarantine import move_object
from hanse.store.keys import ObjectKey

MAX_PROBLEMS = 10_000
"""Problems that are reported one by one; more are counted only."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not what it should be.

    kind: `xorb`, `table`, `blob`, `shard`, `chunk-list`, `record`, `bundle`, `stray`, `file`, `revision`, `journal` or
    `mirror`; name: object key or what the catalogue calls it; message: expected and got; quarantined: whether the object was
    moved away.
    """

    kind: str
    name: str
    message: str
    quarantined: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found. checked: how many of each kind; read: bytes; more: problems beyond those listed."""

    checked: dict[str, int]
    read: int
    problems: tuple[Problem, ...]
    more: int = 0

    @property
    def clean(self) -> bool:
        """Tell whether nothing was wrong."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self) | {"clean": self.clean}


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


def fsck(
    node: Node, *, quarantine: Path | None = None, deep: bool = False, progress: Callable[[str, int], None] | None = None
) -> Report:
    """Check everything the node keeps and return what was found.

    quarantine: folder on the data directory's file system to move damaged objects to; deep: also read every file as a whole,
    which reads shared bytes once per file; progress: called with what is being checked and how many so far. Raises
    StorageError if the catalogue or the disk cannot be read at all.
    """
    # The parts import this module for Checker.
    from hanse.flows.fsck_attestations import check_attestations  # noqa: PLC0415
    from hanse.flows.fsck_catalogue import check_files, check_revisions  # noqa: PLC0415
    from hanse.flows.fsck_journal import check_journal  # noqa: PLC0415
    from hanse.flows.fsck_mirrors import check_mirrors  # noqa: PLC0415
    from hanse.flows.fsck_objects import check_objects  # noqa: PLC0415

    if quarantine is not None and quarantine.exists() and not quarantine.is_dir():
        raise BadSetting(f"{quarantine} is not a folder")
    checker = Checker(node, quarantine, deep, progress or (lambda _kind, _count: None))
    check_objects(checker)
    check_files(checker)
    check_revisions(checker)
    check_attestations(checker)
    check_journal(checker)
    check_mirrors(checker)
    return Report(checker.checked, checker.read, tuple(checker.problems), checker.more)
