"""A node without network takes an export in: verified, checked, as a mirror; lies and refusals stop only what they concern."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from tests.flows.leaving.conftest import Left
from tests.support import world
from tests.support.attesting import wait
from tests.support.leaving import MAIN, WEIGHTS, a_node, fill, reading, rewrite_sums

from hanse.db import repos
from hanse.errors import NotAllowed, RepoNotFound
from hanse.flows import access
from hanse.flows.evidence import of_revision
from hanse.flows.foreign.keep import keep_evidence
from hanse.flows.leaving.export import export
from hanse.flows.leaving.importing import Imported, Refused, import_export
from hanse.flows.leaving.sources import open_export
from hanse.flows.leaving.taking_logs import add_logs, take_logs
from hanse.flows.node import Node
from hanse.flows.read import open_file
from hanse.flows.verify_folder import FileSource, Question, verify_evidence
from hanse.model.actor import ANONYMOUS
from hanse.model.decision import NameKind
from hanse.model.evidence import parse_evidence
from hanse.model.repo import RepoType, Visibility


@pytest.fixture(name="far")
def _far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    """Return a node on a machine without network."""

    def refuse(*_: object) -> NoReturn:
        raise AssertionError("an import uses no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with a_node(tmp_path / "far", "air.example.org") as node:
        yield node


def _take(node: Node, folder: Path, home: Path, *wanted: str) -> list[Imported | Refused]:
    with open_export(folder) as source:
        return list(import_export(node, source, reading(home), wanted))


def test_taken_in(left: Left, far: Node, tmp_path: Path) -> None:
    """Every revision is here with its bytes, its ref and a signature of this node; the second time nothing is read again."""
    found = _take(far, left.folder, tmp_path / "home")
    assert [(one.rev, isinstance(one, Imported) and one.refs) for one in found] == [(left.revs[0], ()), (left.revs[1], (MAIN,))]
    repo = access.resolve(far, ANONYMOUS, left.repo.repo)
    assert (repo.mirrored, repo.head, repo.public) == (True, left.revs[1], True)
    revision = access.resolve_revision(far, repo, left.revs[0])
    entry = far.listings.get(far.store, revision.object).directory.file("blob.dat")
    assert entry is not None
    from hanse.db import blobs

    with far.db.read() as conn:
        row = blobs.find_by_xet(conn, repo.id, [entry.xet])[entry.xet]
    assert open_file(far, row).read_at(0, len(WEIGHTS)) == WEIGHTS
    shown = parse_evidence(of_revision(far, repo, "main")[1])
    assert {log.origin for log in shown.logs} >= {far.origin}
    again = _take(far, left.folder, tmp_path / "home", "alice/m")
    assert [one.rev for one in again] == left.revs
    world.check(far)


def test_the_publisher_is_shown(left: Left, far: Node, tmp_path: Path) -> None:
    """With the publisher's log taken in, this node's evidence shows what he signed, and where his log has `main`."""
    with open_export(left.folder) as source:
        add_logs(far, [left.node.log.key.text], {})
        assert [one.says for one in take_logs(far, source)] == [""]
        found = list(import_export(far, source, reading(tmp_path / "home"), keep=keep_evidence))
    assert [type(one) for one in found] == [Imported, Imported]
    wait(far)
    data = of_revision(far, access.resolve(far, ANONYMOUS, left.repo.repo), "main")[1]
    question = Question("alice/m", RepoType.MODEL, "main", left.node.origin)
    shown = verify_evidence(parse_evidence(data), FileSource(data), question, reading(tmp_path / "reader"))
    assert (shown.rev, shown.facts.kind) == (left.revs[1], NameKind.OWNED)
    assert {one.member for one in shown.attested} >= {left.node.origin}


def test_false_bytes_are_refused(copied: Path, left: Left, far: Node, tmp_path: Path) -> None:
    """A revision whose bytes are false is not there; the other one, which does not need them, is."""
    (xorb,) = [one for one in (copied / "xorbs").iterdir() if 100_000 < one.stat().st_size < 300_000]
    xorb.write_bytes(xorb.read_bytes()[:-5] + b"false")
    rewrite_sums(copied)
    found = _take(far, copied, tmp_path / "home")
    assert [type(one) for one in found] == [Imported, Refused]
    repo = access.resolve(far, ANONYMOUS, left.repo.repo)
    assert repo.head is None
    assert [one.rev for one in _take(far, left.folder, tmp_path / "home") if isinstance(one, Imported)] == left.revs


def test_false_evidence_is_refused(copied: Path, left: Left, far: Node, tmp_path: Path) -> None:
    """Without true evidence of a revision nothing of it is taken in, nor is its name."""
    for path in copied.glob("evidence/models/alice/m/*"):
        path.write_bytes(path.read_bytes().replace(b'"payload":"e', b'"payload":"f'))
    assert {type(one) for one in _take(far, copied, tmp_path / "home")} == {Refused}
    with far.db.read() as conn:
        assert repos.find_claimed(conn, left.repo.repo) is None


def test_a_false_name_is_not_observed(copied: Path, left: Left, far: Node, tmp_path: Path) -> None:
    """What the export says that `main` points at counts only if the evidence shows it."""
    path = copied / "refs/models/alice/m.json"
    path.write_bytes(path.read_bytes().replace(left.revs[1].encode(), left.revs[0].encode()))
    assert [one.refs for one in _take(far, copied, tmp_path / "home") if isinstance(one, Imported)] == [(), ()]
    path.write_bytes(b"{")
    assert len(_take(far, copied, tmp_path / "home")) == 2


def test_names_of_the_node_itself(left: Left, tmp_path: Path) -> None:
    """A member that moves restores its data folder; taking its own names in as if they were another's is refused."""
    with a_node(tmp_path / "again", left.node.origin) as node, pytest.raises(NotAllowed, match="data folder"):
        _take(node, left.folder, tmp_path / "home")


def test_names_that_are_not_in_it(left: Left, far: Node, tmp_path: Path) -> None:
    """Asking for what the export does not have raises."""
    with pytest.raises(RepoNotFound):
        _take(far, left.folder, tmp_path / "home", "alice/none")


@pytest.mark.soak
def test_what_is_not_public_stays_so(far: Node, tmp_path: Path) -> None:
    """A private repository is private where it is taken in, and concealed in that node's log."""
    with a_node(tmp_path / "near", "near.example.org") as node:
        hidden, revs = fill(node, visibility=Visibility.PRIVATE)
        export(node, tmp_path / "hidden.tar", public=False)
    assert [type(one) for one in _take(far, tmp_path / "hidden.tar", tmp_path / "home")] == [Imported] * len(revs)
    with far.db.read() as conn:
        found = repos.find(conn, hidden.repo)
    assert found is not None
    assert found[0].visibility is Visibility.PRIVATE
    assert not [leaf for leaf in far.log.leaves(0, far.log.size) if b"near.example.org" in leaf and b"alice/m" in leaf]
