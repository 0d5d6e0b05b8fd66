"""Newer versions that members' logs name: reasons to look, and from some number on to tell people; never to refuse."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.fileserver import serving
from tests.support.founders import NAME, NOW, Founder, changed
from tests.support.served import until

from hanse.db import foreign
from hanse.flows.federation.change import Change, Request, begin
from hanse.flows.federation.enact import enact, own_member
from hanse.flows.federation.kept import Federation, FederationFiles
from hanse.flows.federation.newer import marks, named, newest, withheld
from hanse.flows.federation.walking import Walking
from hanse.flows.foreign.index import take
from hanse.flows.node import Node
from hanse.model.digest import Sha256
from hanse.model.leaf import encode_leaf
from hanse.model.leaf_fields import Payload
from hanse.model.repo import Origin
from hanse.model.trust_leaf import MemberLeaf, MemberRole
from hanse.peers.client import PeerClient
from hanse.sign.federation import TARGETS

B, C = Origin("b.example"), Origin("c.example")


def federation_at(node: Node, url: str) -> tuple[Federation, Federation]:
    """Return a federation of the node and two others at one address, which two of three change, and its next version."""
    first, others = Founder(node.origin), [Founder(B), Founder(C)]
    made = begin(NAME, own_member(node, "First", (url,)), first.own, NOW - 1000)
    add = tuple(Request(NAME, replace(one.member, addresses=(url,)), one.own.public) for one in others)
    made = changed(made, Change(add=add, need=2), first, *others)
    return made, changed(made, Change(), first, *others)


def say(node: Node, log: str, *named: tuple[int, bytes], of: str | None = None) -> None:
    """Append leaves that name versions of targets to the copy of a log; of: the federation that they name."""
    payloads = [(version, Payload(Sha256(hashlib.sha256(data).hexdigest()), len(data))) for version, data in named]
    first = None if of is None else Sha256(of)
    leaves = [encode_leaf(MemberLeaf(NOW, MemberRole.TARGETS, version, payload, first)) for version, payload in payloads]
    with node.db.read() as conn:
        start = foreign.indexed(conn, log)
    take(node.db, node.store, log, start, leaves)


def test_what_logs_name(lite: Node, tmp_path: Path) -> None:
    """Newer versions count, once for each log and only members'; those of other federations kept here do not."""
    files = FederationFiles(tmp_path)
    present, _ = federation_at(lite, "https://b.example")
    other = begin(Origin("other.example"), Founder(B).member, Founder(B).own, NOW)
    files.keep(present)
    files.keep(replace(other, files={}))
    assert present.trusted.targets_version == 2
    before = marks(lite, [B, C])
    say(lite, B, (1, b"older"), (2, present.trusted.targets_data), (9, b"nine"))
    say(lite, "stranger.example", (9, b"nine"))
    assert marks(lite, [B, C]) != before
    assert named(lite, files, present) == {B: {TARGETS: 9}}
    assert newest(named(lite, files, present), 2) == {}
    assert withheld(lite, files, present) == []  # one log alone troubles nobody
    say(lite, C, (4, b"four"), (3, b"three"))
    assert newest(named(lite, files, present), 2) == {TARGETS: 4}
    (line,) = withheld(lite, files, present)
    assert line.startswith(
        "the federation's targets is at version 2 here, and a log has seen version 4; so say b.example, c.example:"
    )


def test_versions_of_another_federation(lite: Node, tmp_path: Path) -> None:
    """Members of two federations log the versions of both: what is known to be the other's says nothing."""
    files = FederationFiles(tmp_path)
    present, _ = federation_at(lite, "https://b.example")
    files.keep(present)
    files.put(Origin("other.example"), TARGETS, 7, b"seven")
    (tmp_path / "other.example" / "trusted.json").write_text("{}")
    say(lite, B, (7, b"seven"))
    assert named(lite, files, present) == {}
    say(lite, B, (7, b"another seven"))
    assert named(lite, files, present) == {B: {TARGETS: 7}}
    say(lite, C, (9, b"nine"), of="f" * 64)
    assert named(lite, files, present) == {B: {TARGETS: 7}}  # it names the other one
    say(lite, C, (8, b"seven"), of=present.first)
    assert named(lite, files, present) == {B: {TARGETS: 7}, C: {TARGETS: 8}}


def test_a_leaf_makes_a_node_look(lite: Node, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A node looks soon after a log named a version; what nobody shows then is told, and taken up once somebody does."""
    elsewhere, here = FederationFiles(tmp_path / "other" / "federation"), FederationFiles(tmp_path / "data")
    with serving(tmp_path / "other") as url, closing(PeerClient(seconds=60)) as peers:
        present, after = federation_at(lite, url)
        here.keep(present)
        enact(lite, present)
        walking = Walking(lite, here, peers, 3600)
        look(walking)  # the first look
        look(walking)
        for log in (B, C):
            say(lite, log, (3, after.trusted.targets_data))
        walking._early = {name: (0.0, found) for name, (_, found) in walking._early.items()}
        look(walking)
        assert "a log has seen version 3" in caplog.text
        publish(elsewhere, (present, after))
        say(lite, B, (3, after.trusted.targets_data))
        walking._early = {name: (0.0, found) for name, (_, found) in walking._early.items()}
        look(walking)
        assert here.load(NAME).trusted.targets_version == 3
        assert withheld(lite, here, here.load(NAME)) == []


def look(walking: Walking) -> None:
    """Let what is due be walked, to its end."""
    walking.step()
    until(lambda: walking._background.free(NAME))


def publish(files: FederationFiles, states: Iterable[Federation]) -> None:
    """Put states of a federation where a web server hands them on."""
    for state in states:
        files.keep(state)
    (files.folder / "index.json").write_text(json.dumps(files.listed()))
