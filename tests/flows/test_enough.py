"""Evidence shows a log at the newest checkpoint that enough others cosigned, and hides what is newer for a while only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import URL
from tests.support.attesting import ask
from tests.support.founders import NAME, Founder, changed
from tests.support.nodes import TickingClock, make_node
from tests.support.signers import signer

from hanse.db import cosignatures
from hanse.db.cosignatures import Cosignature
from hanse.db.engine import Database
from hanse.flows.enough import RECENT_SECONDS, Enough
from hanse.flows.federation.change import Change, Request, begin
from hanse.flows.federation.enact import own_member
from hanse.flows.federation.kept import FederationFiles
from hanse.flows.node import Node
from hanse.flows.trust import mirror_name, witness_name
from hanse.model.repo import Origin
from hanse.tlog.cosignature import cosigner_key
from hanse.tlog.members import Member

OTHERS = ("b.example", "c.example", "d.example")
POLICY = """
policy = 1
base = "careful"
[witness]
need = {need}
[mirror]
need = {need}
[freshness]
max_age = "1d"
warn_age = "1d"
"""


def cosign(node: Node, size: int, signed: Mapping[str, str], *, ago: int = 0, origin: str = "") -> None:
    """Let others cosign a size of a log some seconds ago: a member's name with `w` as witness, `m` as mirror, `wm` as both."""
    found = []
    for member, kinds in signed.items():
        for kind, name in (("witness", witness_name(member)), ("mirror", mirror_name(member))):
            if kind[0] in kinds:
                key_id = cosigner_key(name, signer(name).public).key_id.hex()
                row = (origin or node.origin, size, name, key_id, kind, "00" * 32, node.clock.now() - ago, "line")
                found.append(Cosignature(*row))
    with node.db.write() as conn:
        cosignatures.put(conn, found)


def listed(member: Member) -> Member:
    """Return a member with the keys with which it cosigns here."""
    witness, mirror = (
        cosigner_key(name, signer(name).public) for name in (witness_name(member.origin), mirror_name(member.origin))
    )
    return replace(member, witness=(witness,), mirror=(mirror,))


def federated(node: Node, folder: Path, need: int) -> Node:
    """Return the node in a federation with the others, whose policy asks for so many witnesses and mirrors."""
    files, own = FederationFiles(folder), Founder(node.origin)
    people = [Founder(Origin(one)) for one in OTHERS]
    begun = begin(NAME, own_member(node, "Here", ("https://here.example",)), own.own, node.clock.now())
    requests = tuple(Request(NAME, listed(one.member), one.own.public) for one in people)
    files.keep(changed(begun, Change(add=requests, need=2, policy=POLICY.format(need=need)), own, *people))
    return replace(node, federations=files)


@pytest.fixture(name="asking")
def _asking(sqlite_url: URL, tmp_path: Path) -> Iterator[Node]:
    """Return a node that asks three others for cosignatures; it does not run, since its log is not what they cosign here."""
    database = Database(sqlite_url)
    node = make_node(database, tmp_path / "data", clock=TickingClock())
    ask(node, OTHERS)
    yield node
    database.close()


def test_a_majority_of_each_kind(asking: Node) -> None:
    """Nobody says what is enough: then more than half are, of witnesses and of mirrors alike, who come later."""
    assert Enough(asking).newest(asking.origin, 0) is None
    cosign(asking, 10, {"b.example": "wm", "c.example": "wm"})
    cosign(asking, 11, {"b.example": "wm", "c.example": "w", "d.example": "w"})
    assert Enough(asking).newest(asking.origin, 0) == 10
    assert Enough(asking).newest(asking.origin, 11) == 11
    assert Enough(asking).newest(asking.origin, 0, {11}) == 11
    assert Enough(asking).newest(asking.origin, 12) is None
    cosign(asking, 11, {"d.example": "m"})
    assert Enough(asking).newest(asking.origin, 0) == 11


def test_the_policy_of_a_federation(asking: Node, tmp_path: Path) -> None:
    """Its readers ask for all three, so two are not enough; where it asks for one, a majority is shown as long as that is new."""
    cosign(asking, 10, dict.fromkeys(OTHERS, "wm"))
    cosign(asking, 11, {"b.example": "wm", "c.example": "wm"})
    cosign(asking, 12, {"b.example": "wm"})
    assert Enough(asking).newest(asking.origin, 0) == 11
    assert Enough(federated(asking, tmp_path / "all", 3)).newest(asking.origin, 0) == 10
    assert Enough(federated(asking, tmp_path / "one", 1)).newest(asking.origin, 0) == 11
    assert Enough(federated(asking, tmp_path / "all", 3)).newest("stranger.example", 0) is None


def test_who_fell_silent_hides_nothing_for_long(asking: Node, tmp_path: Path) -> None:
    """An older checkpoint stands in for a newer one as long as the policy takes its cosignatures, or for an hour."""
    cosign(asking, 12, {"b.example": "wm"})
    for node, age in ((federated(asking, tmp_path / "all", 3), 86_400), (asking, RECENT_SECONDS)):
        for ago, shown in ((age + 1, 12), (age, 10)):
            cosign(asking, 10, dict.fromkeys(OTHERS, "wm"), ago=ago)
            assert Enough(node).newest(node.origin, 0) == shown


def test_nobody_cosigns_any_more(asking: Node) -> None:
    """What was cosigned long ago still proves what it did: the newest that had enough is shown, or else the one with most."""
    cosign(asking, 10, {"b.example": "wm", "c.example": "w"}, ago=90_000)
    cosign(asking, 11, {"b.example": "wm"}, ago=80_000)
    assert Enough(asking).newest(asking.origin, 0) == 10
    cosign(asking, 9, dict.fromkeys(OTHERS, "wm"), ago=100_000)
    assert Enough(asking).newest(asking.origin, 0) == 9


def test_the_one_that_most_cosigned(asking: Node) -> None:
    """Where none has enough, of equals the newest is shown; who is not known here counts for no quorum, and is counted here."""
    cosign(asking, 10, {"b.example": "wm"})
    cosign(asking, 11, {"c.example": "w", "x.example": "w"})
    cosign(asking, 12, {"x.example": "w"})
    assert Enough(asking).newest(asking.origin, 0) == 11
    cosign(asking, 13, {"x.example": "wm", "y.example": "wm"})
    assert Enough(asking).newest(asking.origin, 0) == 13
    cosign(asking, 10, {"c.example": "wm"})
    assert Enough(asking).newest(asking.origin, 0) == 10


def test_a_logs_operator_is_no_cosigner_of_it(asking: Node) -> None:
    """Of another member's log a majority is one of this node and the two others; its own operator counts for nothing."""
    other = "d.example"
    cosign(asking, 10, {"b.example": "wm", "c.example": "wm"}, origin=other)
    cosign(asking, 11, {"b.example": "wm", "d.example": "wm"}, origin=other)
    assert Enough(asking).newest(other, 0) == 10
    with asking.db.write() as conn:
        own = [
            Cosignature(other, 11, key.name, key.key_id.hex(), kind, "00" * 32, asking.clock.now(), "line")
            for kind, key in (
                ("witness", cosigner_key(witness_name(asking.origin), asking.keys.witness.public)),
                ("mirror", cosigner_key(mirror_name(asking.origin), asking.keys.mirror.public)),
            )
        ]
        cosignatures.put(conn, own)
    assert Enough(asking).newest(other, 0) == 11
