"""Pulling by federations: whose a namespace is, who may have copies, and what nobody else can say about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.nodes import make_node, running
from tests.support.publishing import Publisher
from tests.support.pulling import DEAD, Machine, SaidNode, content, machine, main_of, said_node
from tests.support.served import served, until
from tests.support.trusting import federation_of, states_of, trust

from hanse.conform.origin import HubOrigin
from hanse.db.engine import Database, sqlite_url
from hanse.db.state import insert_state
from hanse.errors import BadProof, PeerDown, RepoNotFound, VerificationFailed
from hanse.flows.federation.change import YEAR
from hanse.flows.federation.enact import enact
from hanse.flows.federation.seen import FOLDER
from hanse.flows.fetch_evidence import fetch_evidence
from hanse.flows.node import Node
from hanse.flows.pull.answers import NodeAnswer, State
from hanse.flows.pull.members import Members
from hanse.model.decision import Known
from hanse.model.repo import Origin, RepoType
from hanse.peers.client import PeerClient

FILES = {"config.json": b"{}", "model.safetensors": b"w" * 100_000}
EVIDENCE = "/api/models/alice/m/evidence/main"


@dataclass
class Scene:
    """A member that publishes `alice/m`, another one that says what a test wants, a reader, and an upstream with that name."""

    home: Machine
    member: Publisher
    other: SaidNode
    upstream: HubOrigin

    def trust(self, address: str) -> None:
        """Let the reader trust the federation, with the member listed at an address."""
        trust(self.home.home / FOLDER, federation_of(self.member.node, address, self.other.url))


@pytest.fixture(name="scene")
def _scene(lite: Node, tmp_path: Path) -> Iterator[Scene]:
    with ExitStack() as stack:
        url = stack.enter_context(served(lite))
        upstream = stack.enter_context(HubOrigin({"alice/m": {"evil": b"1"}, "alice/none": {"evil": b"1"}, "org/x": {"a": b"1"}}))
        home, other = stack.enter_context(machine(tmp_path / "user")), stack.enter_context(said_node())
        yield Scene(home, Publisher(lite, url), other, upstream)


def test_a_name_is_found_at_its_member(scene: Scene) -> None:
    """Without any node named, a delegated name is pulled from its member, from a log that is configured, and from nobody else."""
    rev = scene.member.publish(FILES)
    scene.trust(scene.member.url)
    puller = scene.home.puller(upstream=scene.upstream.url)
    found = main_of(puller, "Alice/m")
    assert (found.rev, found.repo.origin) == (rev, scene.member.node.origin)
    assert [one.known for one in found.facts.logs] == [Known.CONFIGURED]
    assert content(puller, found, "model.safetensors") == FILES["model.safetensors"]
    with pytest.raises(RepoNotFound, match=f"of {scene.member.node.origin}"):
        main_of(puller, "alice/none")
    assert all(path.startswith("/federation/") for path, _ in scene.other.asked)
    assert main_of(puller, "org/x").files
    about = [path for path, _ in scene.other.asked if not path.startswith("/federation/")]
    assert about[0] == "/api/models/org/x/evidence/main", "whose name is nobody's is asked of members first"
    assert not [one for one in scene.upstream.requests if "/alice/" in one.target.lower()]


def test_a_member_keeps_nobody_from_an_upstream(scene: Scene) -> None:
    """What a member says of a name that is nobody's may be false, gated or recalled: the upstream is asked as if it had not."""
    scene.trust(scene.member.url)
    rev = main_of(scene.home.puller(upstream=scene.upstream.url), "org/x").rev
    for answer in ((200, b'{"mediaType": "application/x"}'), (404, b'{"error": "no", "code": "Recalled"}'), (500, b"")):
        scene.other.table["/api/models/org/x/evidence/main"] = answer
        assert main_of(scene.home.puller(upstream=scene.upstream.url), "org/x").rev == rev


def test_a_silent_member(scene: Scene) -> None:
    """Others are asked for copies then; that they call it gated, recalled or unknown changes nothing, nor does the upstream."""
    scene.member.publish(FILES)
    with closing(PeerClient()) as client:
        data = fetch_evidence(client, scene.member.url, RepoType.MODEL, "alice/m", revision="main")
    scene.trust(DEAD)
    for code in ("Recalled", "GatedRepo", "RevisionNotFound", "RepoNotFound"):
        scene.other.table[EVIDENCE] = (404, b'{"error": "no", "code": "%s"}' % code.encode())
        with pytest.raises(PeerDown, match=f"is of {scene.member.node.origin}"):
            main_of(scene.home.puller(upstream=scene.upstream.url), "alice/m")
    scene.other.table[EVIDENCE] = (200, data)
    found = main_of(scene.home.puller(upstream=scene.upstream.url), "alice/m")
    assert found.repo.origin == scene.member.node.origin


def test_another_ones_evidence_does_not_answer_for_the_name(scene: Scene, tmp_path: Path) -> None:
    """A node that registered the namespace for itself is not who answers for it, also where it is asked by name."""
    with ExitStack() as stack:
        database = Database(sqlite_url(tmp_path / "thief.db"))
        stack.callback(database.close)
        database.migrate()
        with database.write() as conn:
            insert_state(conn, {"origin": Origin("thief.example"), "cas_epoch": "e1"})
        node = stack.enter_context(running(make_node(database, tmp_path / "thief")))
        thief = Publisher(node, stack.enter_context(served(node)))
        thief.publish({"evil": b"1"})
        scene.trust(DEAD)
        with pytest.raises(VerificationFailed):
            main_of(scene.home.puller(thief.url), "alice/m")
        rev = scene.member.publish(FILES)
        scene.trust(scene.member.url)
        assert main_of(scene.home.puller(thief.url), "alice/m").rev == rev


def test_an_expired_federation_is_no_first_contact(scene: Scene) -> None:
    """Nothing is resolved as if nobody had ever been trusted."""
    scene.trust(scene.member.url)
    scene.home.clock.time += YEAR + 1
    with pytest.raises(BadProof, match="expired"):
        main_of(scene.home.puller(upstream=scene.upstream.url), "org/x")


def test_a_newer_list_that_logs_name_is_told(scene: Scene) -> None:
    """Whoever pulls by an older list of members than their logs name is told so, as he is who verifies."""
    scene.member.publish(FILES)
    older, newer = states_of(scene.member.node, scene.member.url, scene.other.url)
    trust(scene.home.home / FOLDER, older)
    puller = scene.home.puller(upstream=scene.upstream.url)
    assert not [one for one in main_of(puller, "alice/m").notices if "logs name version" in one]
    enact(scene.member.node, newer)
    until(lambda: [one for one in main_of(scene.home.puller(), "alice/m").notices if "logs name version 2 of targets" in one])


def test_whom_to_ask_besides() -> None:
    """Others are asked only if no address of the member answered and nobody has evidence."""
    members = Members(None, ("a", "b"), ("c",))
    down, absent = NodeAnswer("a", State.DOWN), NodeAnswer("b", State.ABSENT)
    assert members.copies([down, NodeAnswer("b", State.DOWN)]) == ("c",)
    assert members.copies([down, absent]) == ()
    assert members.copies([down, NodeAnswer("n", State.SHOWN)]) == ()
    owned = Members(Origin("a.example"), ("a", "b"), ("c",))
    assert owned.copied(NodeAnswer("c", State.RECALLED, revision=True)) == NodeAnswer("c", State.ABSENT)
    assert owned.copied(down) == down
    assert members.copied(down) == NodeAnswer("a", State.ABSENT), "of an upstream's name silence says nothing"
    assert owned.silent([down, NodeAnswer("b", State.DOWN)]) == {owned.owner}
    assert owned.silent([down, absent]) == owned.silent([]) == frozenset()
