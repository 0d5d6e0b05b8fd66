"""The places of a file: what puts one out, for how long, and what is said when none is left."""

from __future__ import annotations

import pytest
from tests.support.simplace import SimPlace

from hanse.errors import (
    BlobNotFound,
    DigestMismatch,
    HanseError,
    NotAllowed,
    PeerBusy,
    PeerDown,
    PeerMisbehaved,
    PeerRefused,
    PeerTooSlow,
)
from hanse.flows.pull.busy import STILL_SECONDS
from hanse.flows.pull.events import Kind
from hanse.flows.pull.sources import MOST_REST, Sources, Speeds, as_failure


class Clock:
    """Monotonic seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def made(*names: str) -> tuple[Sources, Clock]:
    """Return sources of these names, three tries each, and their clock."""
    clock = Clock()
    places = [SimPlace(name, b"") for name in names]
    return Sources(places, Speeds(), tries=3, rest=1.0, clock=clock), clock


def refused(status: int, retry_after: int = 0) -> PeerRefused:
    """Return a refusal as places raise it."""
    return PeerRefused(f"answers {status}", status=status, retry_after=retry_after)


@pytest.mark.parametrize("error", [PeerDown("down"), PeerMisbehaved("odd"), refused(503)])
def test_failures_rest_longer_each_time_and_then_are_out(error: HanseError) -> None:
    """A place that fails rests twice as long each time and is out after three times in a row."""
    sources, clock = made("a")
    (source,) = sources.left
    assert sources.failed(source, error)
    assert sources.resting(source) == 1.0
    clock.now += 1
    assert not sources.failed(source, error)
    assert sources.resting(source) == 2.0
    clock.now += 2
    assert sources.failed(source, error)
    assert not sources.left


def test_who_lets_wait_for_nothing_is_out_at_once() -> None:
    """A place that stalls before its first byte is not waited for again; one that brought something is tried once more."""
    sources, clock = made("stuck", "stops")
    stuck, stops = sources.left
    assert sources.failed(stuck, PeerTooSlow("slow"))
    sources.brought(stops, 10)
    assert sources.failed(stops, PeerTooSlow("slow"))
    assert sources.left == [stops]
    clock.now += 10
    assert sources.failed(stops, PeerTooSlow("slow"))
    assert not sources.left
    assert "stuck: slow" in sources.verdict("f").message


def test_a_false_list_says_nothing_about_bytes() -> None:
    """Who only gave a false chunk list is asked last, when nobody else is left; then a false byte puts him out for good."""
    sources, _ = made("listed", "good")
    listed, good = sources.left
    assert sources.lied(listed, "false list", of_list=True)
    assert sources.left == [good]
    sources.failed(good, BlobNotFound("none"))
    assert sources.left == [listed]
    assert sources.lied(listed, "false byte")
    assert sources.left == []
    assert "false bytes came from listed" in sources.verdict("f").message


def test_requests_that_fail_together_are_one_failure() -> None:
    """A place to which several requests run fails once when all of them end at the same time."""
    sources, clock = made("a")
    (source,) = sources.left
    for _ in range(5):
        sources.failed(source, PeerDown("down"))
    assert sources.left == [source]
    assert source.failures == 1
    clock.now += 1
    sources.failed(source, PeerDown("down"))
    assert source.failures == 2


def test_a_byte_forgives() -> None:
    """A place that brings something between failures is not out after three."""
    sources, clock = made("a")
    (source,) = sources.left
    for _ in range(5):
        clock.now += 10
        sources.failed(source, PeerDown("down"))
        sources.brought(source, 10)
    assert sources.left == [source]
    assert sources.shares == {"a": 50}


@pytest.mark.parametrize("error", [BlobNotFound("none"), NotAllowed("no"), refused(403), refused(410)])
def test_who_does_not_have_it_is_out_at_once(error: HanseError) -> None:
    """A place that has no such file, or refuses it, is not asked again."""
    sources, _ = made("a", "b")
    sources.failed(sources.left[0], error)
    assert [one.place.name for one in sources.left] == ["b"]


def test_who_asks_to_be_left_alone_is() -> None:
    """Too many requests: the place is asked again when it said, unless that is too long to wait."""
    sources, clock = made("a")
    (source,) = sources.left
    sources.failed(source, refused(429, 60))
    assert sources.resting(source) == 60
    clock.now += 60
    assert sources.ready("f", lambda: False) == [source]
    sources.failed(source, refused(429, int(MOST_REST) + 1))
    assert not sources.left


def test_liars_are_named_above_all() -> None:
    """If somebody lied and nobody honest is left, the error names the liar, and says what the others said."""
    sources, clock = made("liar", "down")
    liar, down = sources.left
    assert sources.lied(liar, "false")
    assert not sources.lied(liar, "false")
    for _ in range(3):
        clock.now += 10
        sources.failed(down, PeerDown("no route"))
    verdict = sources.verdict("w.bin")
    assert isinstance(verdict, DigestMismatch)
    assert "liar" in verdict.message
    assert "down: no route" in verdict.message
    with pytest.raises(DigestMismatch):
        sources.ready("w.bin", lambda: False)


def test_what_is_not_for_this_user_is_refused_and_not_down() -> None:
    """If all who have a file deny it to this user, that is said; as soon as one could not be asked, it is unreachable."""
    sources, _ = made("a", "b")
    first, second = sources.left
    sources.failed(first, PeerRefused("gated", status=401))
    assert isinstance(sources.verdict("f"), PeerDown)
    sources.failed(second, BlobNotFound("none"))
    verdict = sources.verdict("f")
    assert isinstance(verdict, PeerRefused)
    assert verdict.status == 401
    assert "a: gated" in verdict.message


def test_nobody_has_it_is_not_found_and_nobody_answers_is_down() -> None:
    """If all say that they have no such file, it is not found; as soon as one could not be asked, it is unreachable."""
    sources, clock = made("a", "b")
    first, second = sources.left
    sources.failed(first, BlobNotFound("none"))
    for _ in range(3):
        clock.now += 10
        sources.failed(second, PeerDown("down"))
    assert isinstance(sources.verdict("f"), PeerDown)
    sources, _ = made("a")
    sources.failed(sources.left[0], BlobNotFound("none"))
    assert isinstance(sources.verdict("f"), BlobNotFound)
    assert isinstance(made()[0].verdict("f"), PeerDown)


def test_the_fastest_known_comes_first() -> None:
    """Places are asked by measured speed; those of which nothing is known in the order given, after them."""
    sources, _ = made("a", "b", "c")
    sources.speeds.saw("c", 1000, 1.0)
    sources.speeds.saw("b", 1000, 2.0)
    assert [one.place.name for one in sources.left] == ["c", "b", "a"]
    sources.speeds.saw("c", 0, 1.0)
    sources.speeds.saw("c", 0, 1.0)
    assert sources.speeds.rate("c") == 250


def test_places_are_added_once() -> None:
    """A place that is known already, by kind and name, is not taken in a second time."""
    sources, _ = made("a")
    sources.add([SimPlace("a", b"x"), SimPlace("b", b"x")])
    assert [one.place.name for one in sources.left] == ["a", "b"]


def test_waiting_ends_when_nobody_wants_it() -> None:
    """Waiting for a place that rests ends when the file is not wanted any more."""
    sources, _ = made("a")
    sources.rest(sources.left[0], 100)
    assert sources.ready("f", iter([False, True]).__next__) is None


def test_what_strangers_code_raises_is_misbehaviour() -> None:
    """An exception that no place should raise counts against the place and is not taken for something else."""
    assert isinstance(as_failure(ValueError("odd"), "a"), PeerMisbehaved)
    error = PeerDown("down")
    assert as_failure(error, "a") is error


def test_having_no_such_file_is_no_failure() -> None:
    """A place that does not have the file is out, which is another piece of news than one that fails."""
    sources, _ = made("a", "b")
    one, other = sources.left
    assert sources.failed(one, BlobNotFound("none")) is Kind.MISSING
    assert sources.failed(other, PeerDown("down")) is Kind.DEAD
    assert sources.left == [other]


def _busy(done: int) -> PeerBusy:
    return PeerBusy("fetches it first", done=done, total=1000, retry_after=1)


def test_who_fetches_it_himself_is_waited_for() -> None:
    """A place that says how far it is with fetching the file is well, rests shortly, and is out when nothing moves there."""
    sources, clock = made("node", "other")
    node, other = sources.left
    kinds = []
    for done in range(100):
        kinds.append(sources.failed(node, _busy(done)))
        assert sources.resting(node) == 1.0
        clock.now += 6
    assert kinds[0] is Kind.WAIT
    assert Kind.DEAD not in kinds
    assert kinds.count(Kind.WAIT) < 8
    assert sources.left == [node, other]
    assert sources.heard.done == 99
    clock.now += STILL_SECONDS
    assert sources.failed(node, _busy(99)) is Kind.DEAD
    assert sources.left == [other]
    sources.failed(other, BlobNotFound("none"))
    assert "comes no further" in sources.verdict("f").message


def test_waiting_forgives_what_was_before() -> None:
    """A place that failed and then says that it fetches the file is well again."""
    sources, clock = made("node")
    (node,) = sources.left
    for done in range(5):
        for error in (PeerDown("down"), PeerDown("down"), _busy(done)):
            sources.failed(node, error)
            clock.now += 5
    assert sources.left == [node]
