"""A node audits its members by itself, over the network, at their turn."""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from tests.support.attesting import settle
from tests.support.audited import says_so
from tests.support.nodes import TickingClock, commit, new_repo
from tests.support.proxies import nginx_files
from tests.support.served import served, until
from tests.support.trusting import federation_of

from hanse.db import audits
from hanse.db.audits import Audited
from hanse.flows.audits.background import Auditing, place_of
from hanse.flows.audits.journey import audit
from hanse.flows.federation.kept import FederationFiles
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.static.publish import publish_static, site_at
from hanse.model.actor import Actor
from hanse.model.repo import Origin
from hanse.peers.bulk import BulkClient

OTHER = Origin("other.example")


def _audited(node: Node) -> Audited:
    with node.db.read() as conn:
        return audits.get(conn, OTHER)


def test_members_are_audited_in_turn(lite: Node, owner: Actor, tmp_path: Path) -> None:
    """A member is asked at the start and again after its time, by public routes; the node itself is not."""
    commit(lite, owner, new_repo(lite, owner, "owner/m"), PutBytes("w.bin", random.Random(1).randbytes(200_000)))
    settle(lite)
    says_so(lite, OTHER)
    files = FederationFiles(tmp_path / "federation")
    with served(lite) as url:  # the same files, whoever serves them
        files.keep(federation_of(lite, url, url))
        auditing = Auditing(lite, files, 1000)
        auditing.start()
        until(lambda: _audited(lite).asked)
        assert (_audited(lite).outcome, _audited(lite).served) == ("served", 1)
        assert isinstance(lite.clock, TickingClock)
        lite.clock.time += 1000
        until(lambda: _audited(lite).asked == 2)
        auditing.stop()
    with lite.db.read() as conn:
        assert list(audits.every(conn)) == [OTHER]


def test_a_federation_that_is_joined_later(lite: Node, owner: Actor, tmp_path: Path) -> None:
    """A node that found no members when it started looks again in its next round, and not only after a minute."""
    commit(lite, owner, new_repo(lite, owner, "owner/m"), PutBytes("w.bin", b"weights"))
    settle(lite)
    says_so(lite, OTHER)
    files = FederationFiles(tmp_path / "federation")
    with served(lite) as url:
        auditing = Auditing(lite, files, 1000, pace=0.01)
        assert auditing.step() == 0
        files.keep(federation_of(lite, url, url))
        auditing.start()
        until(lambda: _audited(lite).asked)
        auditing.stop()


def test_a_member_that_publishes_files_only_is_audited(lite: Node, owner: Actor, tmp_path: Path) -> None:
    """What is drawn is asked from the files of its site."""
    commit(lite, owner, new_repo(lite, owner, "owner/m"), PutBytes("w.bin", random.Random(1).randbytes(200_000)))
    settle(lite)
    says_so(lite, OTHER)
    (site := tmp_path / "site").mkdir()
    publish_static(lite, site_at(str(site)))
    with nginx_files(site, tmp_path / "nginx") as url, closing(BulkClient()) as client:
        (member,) = [one for one in federation_of(lite, url, url).members.members.values() if one.origin == OTHER]
        found = audit(lite, OTHER, place_of(client, replace(member, static=True)))
        assert found is not None
        assert (_audited(lite).outcome, _audited(lite).served) == ("served", 1)


def test_a_node_that_starts_again_does_not_ask_at_once(lite: Node, tmp_path: Path) -> None:
    """When a member was asked last is remembered; with 0 seconds nobody is asked."""
    files = FederationFiles(tmp_path / "federation")
    files.keep(federation_of(lite, "http://127.0.0.1:1", "http://127.0.0.1:1"))
    with lite.db.write() as conn:
        audits.put(conn, Audited(OTHER, asked=1, asked_at=lite.clock.now()))
    waiting = Auditing(lite, files, 1000)
    assert waiting.step() == 0
    waiting.stop()
    never = Auditing(lite, files, 0)
    never.start()
    never.stop()
    assert _audited(lite).asked == 1
