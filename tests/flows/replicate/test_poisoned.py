"""Poisoned replication, through the whole flow and over HTTP: a holder that lies is named and cut off, and others are used."""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping

import pytest
from tests.support.copying import HOME, Pair
from tests.support.poison import Lie, Poisoned, flipped, longer, poisoned, shorter, zeros

from hanse.db import copies
from hanse.errors import HanseError
from hanse.flows import access
from hanse.flows.files import open_by_xet
from hanse.flows.replicate.background import Copier
from hanse.flows.replicate.signed import Asked
from hanse.model.actor import ANONYMOUS
from hanse.model.repo import RepoId, RepoType

SIZE = 3 << 20
FILES = {"model.bin": random.Random(7).randbytes(SIZE), "config.json": b'{"a": 1}', "README.md": b"---\nlicense: mit\n---\n"}
REPO = RepoId(HOME, RepoType.MODEL, "alice", "m")
LIES: dict[str, Mapping[str, Lie]] = {
    "bytes": {"/files/": flipped},
    "zeros": {"/files/": zeros},
    "too much": {"/files/": longer},
    "too little": {"/files/": shorter},
    "lists": {"/chunks": flipped},
    "lists of other length": {"/chunks": longer},
    "evidence": {"/evidence/": flipped},
    "half of the evidence": {"/evidence/": shorter},
    "what is said of it": {"/tree/": shorter, "/revision/": zeros, "/commits/": flipped},
}


def _copy(two: Pair, copier: Copier, *urls: str) -> copies.Copy:
    """Copy what was published from these holders, in this order, and return its row."""
    asked = Asked(HOME, RepoType.MODEL, "alice/m", two.rows()[0].rev if two.rows() else "main")
    copier.fetch(two.view(), asked, urls, (two.url,))
    (row,) = two.rows()
    return row


@pytest.mark.soak
@pytest.mark.parametrize("lie", LIES)
def test_a_lying_holder(two: Pair, caplog: pytest.LogCaptureFixture, lie: str) -> None:
    """Whatever the first holder falsifies, the copy is what was signed; who sent false bytes or lists is named."""
    rev = two.publish(FILES)
    copier = two.copier()
    with poisoned(two.url, LIES[lie]) as liar, caplog.at_level(logging.INFO):
        row = _copy(two, copier, liar.url, two.url)
        copier.close()
    assert (row.state, row.rev) == (copies.HELD, rev)
    found = access.find_named(two.node, ANONYMOUS, RepoId(two.node.origin, RepoType.MODEL, "alice", "m"))
    revision = access.resolve_revision(two.node, found, rev)
    held = {one.path: one.xet for one in two.node.listings.get(two.node.store, revision.object).directory.entries()}
    for path, data in FILES.items():
        assert open_by_xet(two.node, ANONYMOUS, held[path])[0].read_at(0, len(data)) == data
    _is_named(liar, lie, caplog.text)


def _is_named(liar: Poisoned, lie: str, said: str) -> None:
    assert liar.asked, "nothing was falsified"
    if {"/files/", "/chunks"} & LIES[lie].keys():
        assert liar.url.removeprefix("http://") in said
        assert len(liar.asked) <= 8, "a holder that lied is asked no more"


@pytest.mark.soak
@pytest.mark.parametrize("lie", ["bytes", "too much"])
def test_nobody_else_has_it(two: Pair, lie: str) -> None:
    """If only a liar has the bytes nothing is taken in, and the copy stays wanted; from an honest holder it is held later."""
    two.publish(FILES)
    copier = two.copier()
    with poisoned(two.url, LIES[lie]) as liar, pytest.raises(HanseError):
        _copy(two, copier, liar.url)
    assert [row.state for row in two.rows()] == [copies.WANTED]
    assert _copy(two, copier, two.url).state == copies.HELD
    copier.close()
