"""Requests that members sign: good for one file at one node for five minutes, and for members only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.support.copying import HOME, Pair, pair

from hanse.errors import BadSignature, HanseError, NotAllowed
from hanse.flows.evaluations.asmember import GOOD_SECONDS, MEMBER_REQUEST, check_request, make_request
from hanse.flows.node import Node
from hanse.model.digest import Sha256
from hanse.sign.bundle import make_bundle
from hanse.sign.statement import Statement, Subject

RECORD, FILE = Sha256("7" * 64), "table.jsonl"


@pytest.fixture(name="two", scope="module")
def _two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Return a node that follows the log of another member of its federation."""
    with pair(tmp_path_factory.mktemp("two")) as made:
        made.publish({"a.bin": b"a"})
        yield made


def _request(two: Pair, **changed: object) -> bytes:
    """Return the home's request, with other words in it."""
    said = {"member": HOME, "to": str(two.node.origin), "file": FILE, "time": two.node.clock.now()} | changed
    return make_bundle(Statement((Subject(FILE, {"sha256": RECORD}),), MEMBER_REQUEST, said), two.home.keys.attest).encode()


def test_a_member_is_known_by_its_log(two: Pair) -> None:
    """A request signed by the key that the member's log has in force says who asks, within five minutes either way."""
    node = two.node
    data = make_request(two.home, node.origin, RECORD, FILE)
    for off in (0, GOOD_SECONDS, -GOOD_SECONDS):
        later = replace(node, clock=_At(node.clock.now() + off))
        assert check_request(later, _request(two), RECORD, FILE) == HOME
    assert json.loads(data)["mediaType"]


class _At:
    """A clock that stands."""

    def __init__(self, time: int) -> None:
        self._time = time

    def now(self) -> int:
        """Return the time."""
        return self._time


def test_what_is_refused(two: Pair) -> None:
    """Another file, record or node, an old request, another's name and fields that are more or less are all refused."""
    node, good = two.node, _request(two)
    with pytest.raises(NotAllowed, match="another file"):
        check_request(node, good, RECORD, "transcript.jsonl")
    with pytest.raises(NotAllowed, match="another file"):
        check_request(node, good, "8" * 64, FILE)
    with pytest.raises(NotAllowed, match="another node"):
        check_request(node, _request(two, to="x.example"), RECORD, FILE)
    for off in (GOOD_SECONDS + 1, -GOOD_SECONDS - 1):
        with pytest.raises(NotAllowed, match="good for"):
            check_request(replace(node, clock=_At(node.clock.now() + off)), good, RECORD, FILE)
    others: list[object] = ["x.example", str(node.origin), 7, None, [], "../home"]
    for member in others:
        with pytest.raises(HanseError):
            check_request(node, _request(two, member=member), RECORD, FILE)
    for odd in ({"time": True}, {"time": "1"}, {"more": 1}):
        with pytest.raises(NotAllowed):
            check_request(node, _request(two, **odd), RECORD, FILE)
    with pytest.raises(HanseError):
        check_request(node, b"{}", RECORD, FILE)


def test_who_cannot_show_it(two: Pair) -> None:
    """Another key, a key of another use, and a node in no federation get nowhere with a member's name."""
    said = {"member": HOME, "to": str(two.node.origin), "file": FILE, "time": two.node.clock.now()}
    statement = Statement((Subject(FILE, {"sha256": RECORD}),), MEMBER_REQUEST, said)
    for signer in (two.node.keys.attest, two.home.keys.ref):
        with pytest.raises(BadSignature, match="not signed by a key"):
            check_request(two.node, make_bundle(statement, signer).encode(), RECORD, FILE)
    other = make_bundle(replace(statement, predicate_type="https://hanse/other/v1"), two.home.keys.attest).encode()
    with pytest.raises(NotAllowed, match=MEMBER_REQUEST):
        check_request(two.node, other, RECORD, FILE)
    alone: Node = replace(two.node, federations=None)
    with pytest.raises(NotAllowed, match="no member"):
        check_request(alone, _request(two), RECORD, FILE)


def test_nobody_is_known_whose_log_is_not_followed(two: Pair) -> None:
    """A member of whose log nothing is held cannot be told from anybody else."""
    with pytest.raises(BadSignature, match="as far as it is known here"):
        check_request(replace(two.node, db=two.home.db), _request(two), RECORD, FILE)
