"""A member whose copy of a log is behind what a reader saw: it reads the log at once, and the reader waits for that a moment."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.flows.foreign.conftest import A, Agreed, B, Template, opened
from tests.support.attesting import wait
from tests.support.nodes import add_user, new_repo
from tests.support.pulling import Machine, machine, main_of
from tests.support.served import served

from hanse.errors import PolicyError, VerificationFailed
from hanse.flows import fetch_evidence
from hanse.flows.fetch_evidence import NodeSource
from hanse.flows.follow import Following
from hanse.flows.foreign.checkpoints import learn
from hanse.flows.local_files import Hashing, Place, list_place
from hanse.flows.pins import LogSeen, remember
from hanse.flows.policies import load_policy
from hanse.flows.pull import behind
from hanse.flows.pull.answers import NodeAnswer, State
from hanse.flows.pull.behind import Behind
from hanse.flows.remembered import Remembered
from hanse.flows.verify import UNSHOWN, falls_short, lacks_cosignatures
from hanse.flows.verify_folder import Question, verify_folder
from hanse.flows.witness import find_log
from hanse.peers.client import PeerClient

HOUR = 3600


@dataclass
class Late:
    """A reader who saw the publisher's log just now, and asks another member, who did not. url: that member's address."""

    own: Agreed
    home: Machine
    url: str


@pytest.fixture(name="late")
def _late(template: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Late]:
    monkeypatch.setattr(fetch_evidence, "PAUSES", (0.05, *(0.5,) * 40))
    monkeypatch.setattr(behind, "PAUSES", (0.05, *(0.5,) * 40))
    with opened(template, tmp_path) as own, served(own.three[B]) as url, machine(tmp_path / "reader") as home:
        node = own.three[A]
        new_repo(node, add_user(node, "bob"), "bob/more")
        wait(node)
        head, key = node.log.head(), node.log.key.text
        seen = LogSeen(node.origin, (key,), head.size, head.root, node.log.checkpoint(), consistent=True)
        remember(home.home, (seen,), None, home.clock.time)
        yield Late(own, home, url)


@pytest.fixture(name="following")
def _following(late: Late) -> Iterator[Following]:
    """Return what follows at the member that is asked, by itself once in an hour, and did so a minute ago."""
    three = late.own.three
    made = Following(three[B], three.wire, HOUR, pace=0.02)
    made._looked.update(dict.fromkeys(three.nodes, three.clock.time - 60))
    made.start()
    yield made
    made.stop()


def test_a_member_that_is_behind_reads_the_log(late: Late, following: Following) -> None:
    """Asked by somebody who saw more of a log, it follows that, and he gets what he asked for with one question."""
    assert find_log(late.own.three[B], A).mirrored < late.own.three[A].log.size
    found = main_of(late.home.puller(late.url), "alice/m")
    assert next(log.size for log in found.facts.logs if log.origin == A) == late.own.three[A].log.size
    assert find_log(late.own.three[B], A).wanted == 0
    assert following.step() == 0


def test_so_does_one_that_verifies_a_folder(late: Late, following: Following, tmp_path: Path) -> None:
    """`hanse verify` waits for it as well."""
    assert following is not None
    folder = tmp_path / "empty"
    folder.mkdir()
    with closing(PeerClient()) as client:
        source = NodeSource(client, late.url, home=late.home.home)
        policy, now = load_policy("open", late.home.home), late.home.clock.time
        hashing = Hashing(list_place(Place(folder)), Remembered())
        found = verify_folder(hashing, source, Question("alice/m"), policy=policy, home=late.home.home, now=now)
    assert next(log.checkpoint.size for log in found.revision.logs if log.origin == A) == late.own.three[A].log.size


def test_nobody_is_waited_for_twice_in_vain(late: Late, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the member does not get there, the refusal says so, and the next one comes without waiting."""
    monkeypatch.setattr(behind, "PAUSES", (0.01, 0.01))
    puller = late.home.puller(late.url)
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    for _ in range(2):
        with pytest.raises(VerificationFailed, match=UNSHOWN):
            main_of(puller, "alice/m")
        assert slept == [0.01, 0.01]
    assert find_log(late.own.three[B], A).wanted == late.own.three[A].log.size


def test_who_claims_too_much_is_looked_after_once(late: Late) -> None:
    """What a reader says that nobody signed makes a member look once, and changes nothing of what it shows."""
    node = late.own.three[B]
    with closing(PeerClient()) as client:
        url = f"{late.url}/api/models/alice/m/evidence/main"
        before = client.get(url, limit=1 << 24).body
        asked = client.get(f"{url}?seen={A}:9999999999999999,nobody.example:5,{B}:7", limit=1 << 24)
        assert (asked.status, asked.body) == (200, before)
    assert find_log(node, A).wanted == 9_999_999_999_999_999
    following = Following(node, late.own.three.wire, HOUR, pace=0.02)
    following._looked.update(dict.fromkeys(late.own.three.nodes, node.clock.now()))
    assert following.step() == 0
    learn(node, A, late.own.three[A].log.checkpoint())
    late.own.three.clock.time += 3
    assert following.step() == 1
    following.stop()


def test_what_is_worth_waiting_for() -> None:
    """A false file or an unsigned one stays so; a log that is shown too short, or with too few cosignatures, may not."""
    short = VerificationFailed("no", failed=("manifest: no", f"revision: a.example {UNSHOWN} of 3 leaves continues"))
    assert falls_short(short)
    assert not falls_short(VerificationFailed("no", failed=("manifest: no",)))
    few, unsigned = PolicyError("no", failed=("witness: 1 of 2",)), PolicyError("no", failed=("witness: 1 of 2", "signers: none"))
    assert (lacks_cosignatures(few), falls_short(few)) == (True, True)
    assert (lacks_cosignatures(unsigned), falls_short(unsigned)) == (False, False)


def test_others_answers_stay(late: Late) -> None:
    """Only who is behind is asked again; what the others showed stays as it is, also where he shows nothing more."""
    with closing(PeerClient()) as client:
        data = client.get(f"{late.url}/api/models/alice/m/evidence/main", limit=1 << 24).body
    said = [NodeAnswer("b", State.SHOWN, data), NodeAnswer("c", State.SHOWN, b"{")]
    asked = []

    def ask(nodes: object) -> list[NodeAnswer]:
        asked.append(nodes)
        return [replace(said[0], state=State.DOWN, data=b"")]

    short = VerificationFailed("no", failed=(f"revision: a.example {UNSHOWN}",))
    later = Behind().later(said, short, late.home.home, ask)
    assert [next(later), next(later)] == [said, said]
    assert asked == [("b",), ("b",)]


def test_a_slow_node_is_not_waited_for_again_and_again(late: Late, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes its time with every answer costs one of them more, and for a while none."""
    with closing(PeerClient()) as client:
        data = client.get(f"{late.url}/api/models/alice/m/evidence/main", limit=1 << 24).body
    said = [NodeAnswer("b", State.SHOWN, data)]
    monkeypatch.setattr(behind, "PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.setattr(behind, "LONGEST_SECONDS", 3.0)
    clock = SimpleNamespace(monotonic=partial(next, count(0.0)), sleep=time.sleep)  # each look at it takes a second
    monkeypatch.setattr(behind, "time", clock)
    short, waiting = VerificationFailed("no", failed=(f"revision: a.example {UNSHOWN}",)), Behind()
    assert list(waiting.later(said, short, late.home.home, lambda _: said)) == [said]
    assert list(waiting.later(said, short, late.home.home, lambda _: said)) == []
