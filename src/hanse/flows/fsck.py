"""Checks everything a node keeps against its name: objects, catalogue, revisions, journal (`hanse admin fsck`).

1.  Every xorb is read whole: each chunk against its hash, the xorb against its name, and its stored form against its table.
2.  Every other object is recomputed: blobs, shards, revision records and the payloads of bundles by SHA-256, chunk lists to the
    file they are named by.
3.  Every file of the catalogue: its chunk list, and that its terms lead to those very chunks, or its blob has its size. A
    deep check also reads the file as a client would get it: its SHA-256, and for one stored whole the chunks of its bytes.
4.  Every revision: its record, ids and files; the heads of all refs with all their files and the tree recomputed. Every statement
    about one: its bundle, signed by a key that the log names, and its leaf. Every advisory: the same, and that it can be read.
5.  The journal: tiles recomputed from the entry bundles up to the head's root, and the catalogue's leaves among them.
6.  Copies of other logs: tiles recomputed from the entry bundles up to the root that was cosigned.

It may run beside a serving node. Nothing is deleted: with a quarantine folder, damaged objects are moved there, under their
key, so that the same bytes can be stored again by whoever still has them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hanse.errors import BadSetting
from hanse.flows.fsck_advisories import check_advisories
from hanse.flows.fsck_attestations import check_attestations
from hanse.flows.fsck_catalogue import check_files, check_revisions
from hanse.flows.fsck_checker import Checker, Problem
from hanse.flows.fsck_journal import check_journal
from hanse.flows.fsck_mirrors import check_mirrors
from hanse.flows.fsck_objects import check_objects
from hanse.flows.node import Node


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


def fsck(
    node: Node, *, quarantine: Path | None = None, deep: bool = False, progress: Callable[[str, int], None] | None = None
) -> Report:
    """Check everything the node keeps and return what was found.

    quarantine: folder on the data directory's file system to move damaged objects to; deep: also read every file as a whole,
    which reads shared bytes once per file; progress: called with what is being checked and how many so far. Raises
    StorageError if the catalogue or the disk cannot be read at all.
    """
    if quarantine is not None and quarantine.exists() and not quarantine.is_dir():
        raise BadSetting(f"{quarantine} is not a folder")
    checker = Checker(node, quarantine, deep, progress or (lambda _kind, _count: None))
    check_objects(checker)
    check_files(checker)
    check_revisions(checker)
    check_attestations(checker)
    check_advisories(checker)
    check_journal(checker)
    check_mirrors(checker)
    return Report(checker.checked, checker.read, tuple(checker.problems), checker.more)
