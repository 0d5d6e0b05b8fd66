"""A member who says in its log that it holds what a node holds, and a place where it answers for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.support.attesting import cosigned
from tests.support.founders import Founder

from hanse.db import witnesses
from hanse.errors import HanseError, NotFoundError
from hanse.flows.node import Node
from hanse.flows.sightings import note
from hanse.flows.witness import find_log
from hanse.model.filepin import FilePin
from hanse.model.repo import Origin
from hanse.tlog.hashing import EMPTY_ROOT

MEMBER = Origin("b.example")


def says_so(node: Node, member: Origin = MEMBER, *, size: int | None = None) -> None:
    """Let a member's log, which the node mirrors, say everything that the node's own says; others cosign the node's."""
    there = node.log.size if size is None else size
    with node.db.write() as conn:
        witnesses.add(conn, member, (Founder(member).member.log[0].text,), f"https://{member}/log", EMPTY_ROOT.hex())
    note(node.db, member, 0, node.log.leaves(0, there))
    with node.db.write() as conn:
        witnesses.set_mirrored(conn, find_log(node, member), there, node.log.head(there).root.hex())
    cosigned(node, ["w.example"], node.clock.now())


@dataclass
class FilesPlace:
    """Answers for files by their paths. error: what is raised instead; asked: ranges so far; name: for people."""

    files: dict[str, bytes]
    error: HanseError | None = None
    asked: list[tuple[str, int, int]] = field(default_factory=list)
    name: str = "files"

    def read(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes [start, end) of a file."""
        self.asked.append((pin.path, start, end))
        if self.error is not None:
            raise self.error
        if pin.path not in self.files:
            raise NotFoundError("not here")
        yield self.files[pin.path][start:end]

    def chunk_list(self, pin: FilePin) -> bytes | None:
        """Return that there is none."""
        assert pin.path
        return None
