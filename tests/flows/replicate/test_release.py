"""What its owner took back is let go: refused at once, its bytes collected, its record kept."""

from __future__ import annotations

from contextlib import closing

import pytest
from tests.support.attesting import wait
from tests.support.copying import Pair

from hanse.db import blobs, copies
from hanse.errors import Disabled
from hanse.flows import access
from hanse.flows.replicate.plan import take_note
from hanse.flows.replicate.release import named, release
from hanse.model.actor import ANONYMOUS


def test_a_copy_is_let_go(two: Pair) -> None:
    """Bytes that another revision needs stay, the others are given up; a second time there is nothing to do."""
    old = two.publish({"a.bin": b"shared " * 100, "b.bin": b"alone " * 100})
    two.publish({"b.bin": b"changed " * 100})
    with closing(two.copier()) as copier:
        take_note(two.node, two.view(), copier.setup.wishes)
        for row in two.rows():
            copier.copy(two.view(), row)
    first, second = sorted(two.rows(), key=lambda one: one.rev != old)
    repo = access.resolve(two.node, ANONYMOUS, named(first))
    assert release(two.node, first)
    assert not release(two.node, first)
    assert {one.rev: one.state for one in two.rows()} == {old: copies.RELEASED, second.rev: copies.HELD}
    with pytest.raises(Disabled):
        access.resolve_revision(two.node, repo, first.rev)
    assert access.resolve_revision(two.node, repo, "main").rev == second.rev
    with two.node.db.read() as conn:
        sizes = sorted(row.size for row in blobs.all_files(conn) if blobs.file_states(conn, repo.id, [row.id]))
    assert 600 not in sizes
    assert 700 in sizes
    wait(two.node)
