"""Writing a site: the checkpoint comes last, and an interrupted writing leaves what readers had."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from tests.support.attesting import settle
from tests.support.nodes import commit, new_repo

from hanse.db.repos import Repo
from hanse.errors import StorageFull
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.static.folder import FolderSink
from hanse.flows.static.selection import Selection, Written
from hanse.flows.static.write import write_static
from hanse.model.actor import Actor
from hanse.model.repo import Visibility
from hanse.model.staticlayout import CHECKPOINT, INDEX, StaticPath, parse_index, parse_namespaces, parse_refs, parse_static_path
from hanse.tlog.checkpoint import open_checkpoint


class Noted:
    """A folder that notes the order in which files come, and is full after so many."""

    def __init__(self, folder: Path, room: int = 10**6) -> None:
        self._folder, self._room = FolderSink(folder), room
        self.order: list[StaticPath] = []

    def claimed(self, node: Node) -> AbstractContextManager[None]:
        """Keep the folder."""
        return self._folder.claimed(node.origin)

    def holds(self, path: StaticPath, size: int) -> bool:
        """Tell whether a file is there."""
        return self._folder.holds(path, size)

    def put(self, path: StaticPath, content: bytes | Path) -> bool:
        """Take a file."""
        if len(self.order) >= self._room:
            raise StorageFull("cannot write: no space")
        self.order.append(path)
        return self._folder.put(path, content)

    def settle(self) -> None:
        """Make durable what came."""
        self._folder.settle()


def _write(node: Node, sink: Noted, select: Selection | None = None) -> Written:
    with sink.claimed(node):
        return write_static(node, sink, select)


def test_in_order(lite: Node, owner: Actor, repo: Repo, tmp_path: Path) -> None:
    """Bytes, evidence, names, log, index and checkpoint follow each other; the same node gives the same order and paths."""
    commit(lite, owner, repo, PutBytes("a", b"1" * 100))
    settle(lite)
    one, two = Noted(tmp_path / "one"), Noted(tmp_path / "two")
    written = _write(lite, one)
    _write(lite, two)
    assert one.order == two.order
    assert one.order[-2:] == [INDEX, CHECKPOINT]
    kinds = list(dict.fromkeys(path.partition("/")[0] for path in one.order))
    assert kinds == ["xorbs", "reconstructions", "chunks", "evidence", "refs", "log", "namespaces.json", "hanse.json"]
    assert [parse_static_path(path) for path in written.paths] == list(written.paths)
    index = parse_index((tmp_path / "one" / INDEX).read_bytes())
    head = open_checkpoint((tmp_path / "one" / CHECKPOINT).read_bytes(), lite.log.key).checkpoint
    assert index == written.index
    assert (index.size, index.repos) == (head.size, 1)
    assert parse_refs((tmp_path / "one" / "refs/models/owner/repo.json").read_bytes()).repo == repo.repo
    assert parse_namespaces((tmp_path / "one" / "namespaces.json").read_bytes()) == {"owner"}


def test_interrupted(lite: Node, owner: Actor, repo: Repo, tmp_path: Path) -> None:
    """Wherever a writing breaks off, the checkpoint is the one from before; the next one goes on from there."""
    commit(lite, owner, repo, PutBytes("a", b"1" * 100))
    settle(lite)
    _write(lite, Noted(tmp_path / "site"))
    before = (tmp_path / "site" / CHECKPOINT).read_bytes()
    commit(lite, owner, repo, PutBytes("b", b"2" * 100))
    settle(lite)
    whole = Noted(tmp_path / "whole")
    _write(lite, whole)
    for room in (0, 4, 10):
        with pytest.raises(StorageFull):
            _write(lite, Noted(tmp_path / "site", room))
        assert (tmp_path / "site" / CHECKPOINT).read_bytes() == before
    _write(lite, Noted(tmp_path / "site"))
    for path in whole.order:
        assert (tmp_path / "site" / path).read_bytes() == (tmp_path / "whole" / path).read_bytes()


def test_a_part_without_the_log(lite: Node, owner: Actor, tmp_path: Path) -> None:
    """What an operator takes of his private repositories goes without log and index, and only with what is theirs."""
    hidden = new_repo(lite, owner, "owner/hidden", Visibility.PRIVATE)
    commit(lite, owner, hidden, PutBytes("a", b"1" * 100))
    sink = Noted(tmp_path / "site")
    written = _write(lite, sink, Selection(actor=owner, takes=lambda one: not one.public, log=False))
    assert written.index is None
    assert [one.repo for one in written.repos] == [hidden.repo]
    assert not [path for path in sink.order if path.startswith(("log", "hanse", "namespaces"))]
