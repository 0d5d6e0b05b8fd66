"""What a site has of a node: what anybody gets there, and the reason for whatever is left out."""

from __future__ import annotations

from hashlib import sha256

from sqlalchemy import update
from tests.support.attesting import settle
from tests.support.nodes import MAIN, add_user, commit, new_repo
from tests.support.scanning import ODD, with_scanner

from hanse.db import repos, revisions
from hanse.db.repos import Repo
from hanse.db.schema import files as files_table
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.static.choose import Chosen, choose
from hanse.flows.static.selection import Selection, Written
from hanse.jobs.pool import ScanPool
from hanse.model.actor import Actor
from hanse.model.repo import Visibility


def _choose(node: Node, select: Selection | None = None) -> tuple[list[Chosen], Written]:
    written = Written()
    return list(choose(node, select or Selection(), written)), written


def test_what_anybody_gets(lite: Node, owner: Actor, repo: Repo) -> None:
    """Public repositories with what was signed or is pointed at; what is gated is named as left out, what is private is not."""
    first = commit(lite, owner, repo, PutBytes("a", b"1")).rev
    settle(lite)
    commit(lite, owner, repo, PutBytes("a", b"2"))  # nobody signs it: it was passed over
    last = commit(lite, owner, repo, PutBytes("a", b"3")).rev
    gated = new_repo(lite, owner, "owner/gated")
    hidden = new_repo(lite, owner, "owner/hidden", Visibility.PRIVATE)
    for one in (gated, hidden):
        commit(lite, owner, one, PutBytes("a", b"1"))
    with lite.db.write() as conn:
        repos.update_columns(conn, gated.id, gated="auto")
    (chosen,), written = _choose(lite)
    assert (chosen.repo.repo, chosen.place, chosen.refs) == (repo.repo, None, {MAIN: last})
    assert {first, last} == set(chosen.revs) == chosen.whole
    assert [one.repo for one in written.left_out] == [gated.repo]
    assert "restricted" in written.left_out[0].why


def test_who_asks_and_for_what(lite: Node, owner: Actor, repo: Repo) -> None:
    """An operator who may read everything chooses among everything; a choice of one leaves the others unnamed."""
    hidden = new_repo(lite, owner, "owner/hidden", Visibility.PRIVATE)
    for one in (repo, hidden):
        commit(lite, owner, one, PutBytes("a", b"1"))
    chosen, written = _choose(lite, Selection(actor=owner, takes=lambda one: not one.public))
    assert [one.repo.repo for one in chosen] == [hidden.repo]
    assert written.left_out == []
    assert _choose(lite, Selection(takes=lambda one: not one.public))[0] == []


def test_bytes_that_are_gone(lite: Node, owner: Actor, repo: Repo) -> None:
    """A revision that misses a file is not whole, and says which."""
    commit(lite, owner, repo, PutBytes("weights", b"1" * 1000))
    with lite.db.write() as conn:
        conn.execute(update(files_table).where(files_table.c.size == 1000).values(erased=True))
        head = revisions.resolve(conn, repo.id, "main")
    (chosen,), written = _choose(lite)
    assert head is not None
    assert (chosen.revs, chosen.whole) == ((head.rev,), frozenset())
    assert "'weights' is not here" in written.left_out[0].why


def test_what_the_scanner_holds_back(lite: Node, owner: Actor, repo: Repo, pool: ScanPool) -> None:
    """A file that others do not get at the node is in no site, under whatever name it has; the rest of its revision is."""
    scanned = with_scanner(lite, pool)
    commit(scanned, owner, repo, PutBytes("held.gguf", ODD), PutBytes("fine.txt", b"fine"))
    (chosen,), written = _choose(scanned)
    assert {row.sha256 for row in chosen.files.values()} & {sha256(ODD).hexdigest()} == set()
    assert sha256(b"fine").hexdigest() in {row.sha256 for row in chosen.files.values()}
    assert chosen.whole == frozenset()
    assert "withheld" in written.left_out[0].why


def test_a_name_that_means_another_one(lite: Node, owner: Actor) -> None:
    """A mirror whose plain name is this node's own lies below its origin."""
    own = new_repo(lite, owner, "owner/same")
    commit(lite, owner, own, PutBytes("a", b"1"))
    add_user(lite, "owner")
    copy = new_repo(lite, owner, "owner/copy")
    commit(lite, owner, copy, PutBytes("a", b"1"))
    with lite.db.write() as conn:
        values = {"origin": "other.example", "mirrored": True, "name": "same"}
        repos.update_columns(conn, copy.id, **values)
    chosen, _ = _choose(lite)
    assert [(one.repo.repo.origin, one.place) for one in chosen] == [(lite.origin, None), ("other.example", "other.example")]
