"""Files of copies: what is here is not fetched, what came before a crash is not fetched again, and nothing false is taken in."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.support.copying import Pair

from hanse.errors import Busy, IntegrityError
from hanse.flows.mirror.rows import open_mirror
from hanse.flows.replicate.arrive import Arrivals, folder_of
from hanse.flows.replicate.pace import Pace, PacedPlace
from hanse.flows.replicate.signed import Asked, Signed, ask
from hanse.model.filepin import FilePin
from hanse.model.repo import RepoType
from hanse.peers.bulk import BulkClient
from hanse.peers.client import PeerClient
from hanse.peers.nodefiles import NodePlace
from hanse.peers.place import Place
from hanse.store.held.store import Held

SIZE = 6 << 20
BASE = random.Random(1).randbytes(SIZE)
TUNED = b"other header" + BASE[: SIZE // 2] + random.Random(2).randbytes(SIZE // 10) + BASE[SIZE // 2 + SIZE // 10 :]


class _Liar:
    """Gives other bytes than the place behind it, from some offset on. `chunk_list` is true."""

    name = "liar"

    def __init__(self, place: Place) -> None:
        self._place = place
        self.asked = 0

    def read(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        self.asked += 1
        for piece in self._place.read(pin, start, end):
            yield bytes(len(piece))

    def chunk_list(self, pin: FilePin) -> bytes | None:
        return self._place.chunk_list(pin)


class _Dying(_Liar):
    """Gives half of what is asked for of the large file, and then the process is stopped."""

    name = "dying"
    dead = False

    def read(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        if pin.size < SIZE:
            yield from self._place.read(pin, start, end)
            return
        half = start + (end - start) // 2
        yield from self._place.read(pin, start, half)
        self.dead = True
        while True:
            yield b""


def _signed(two: Pair, rev: str, path: str = "alice/m") -> Signed:
    with closing(PeerClient()) as client:
        return ask(two.node, client, Asked(two.home.origin, RepoType.MODEL, path, rev), [two.url])


def _arrivals(two: Pair, signed: Signed, held: Held, *places: Place, stop: object = None) -> Arrivals:
    repo = open_mirror(two.node, signed.repo, two.url)
    return Arrivals(two.node, repo, held, places, lambda _path, size: size < 100, stop or (lambda: False))  # type: ignore[arg-type]


def test_a_fine_tune_moves_little(two: Pair) -> None:
    """Of a model that shares nine tenths with one that is here at most twelve hundredths of the bytes are fetched."""
    base = _signed(two, two.publish({"model.bin": BASE}, name="alice/base"), "alice/base")
    tuned = _signed(two, two.publish({"model.bin": TUNED}, name="alice/tuned"), "alice/tuned")
    with closing(BulkClient()) as client, Held.open(folder_of(two.node)) as held:
        from hanse.flows.replicate.take import Told, take_copy

        take_copy(two.node, base, Told(), [NodePlace(client, two.url)], url=two.url)
        count = Pace()
        taken = _arrivals(two, tuned, held, PacedPlace(NodePlace(client, two.url), count)).take(tuned.files)
    assert count.taken <= 0.12 * len(TUNED)
    rows = {one.row.size: one for one in taken.values()}
    assert rows[len(TUNED)].fetched
    assert {one.path: taken[one.sha256].row.xet for one in tuned.files} == {one.path: one.xet for one in tuned.files}


def test_what_came_before_the_end_is_not_fetched_again(two: Pair) -> None:
    """A process that ends in the middle of a file leaves what came, and the next one fetches the rest only."""
    signed = _signed(two, two.publish({"model.bin": BASE}))
    with closing(BulkClient()) as client:
        place = NodePlace(client, two.url)
        dying = _Dying(place)
        with Held.open(folder_of(two.node)) as held, pytest.raises(Busy):
            _arrivals(two, signed, held, dying, stop=lambda: dying.dead).take(signed.files)
        count = Pace()
        with Held.open(folder_of(two.node)) as held:
            taken = _arrivals(two, signed, held, PacedPlace(place, count)).take(signed.files)
    assert len(taken) == len(signed.files)
    assert count.taken < SIZE - 256 * 1024


def test_a_holder_that_lies_is_worked_around(two: Pair) -> None:
    """False chunks of one holder are refused and had from another; with nobody else nothing is taken in."""
    signed = _signed(two, two.publish({"model.bin": BASE}))
    large = [one for one in signed.files if one.size == SIZE]
    with closing(BulkClient()) as client, Held.open(folder_of(two.node)) as held:
        place = NodePlace(client, two.url)
        with pytest.raises(IntegrityError, match="liar"):
            _arrivals(two, signed, held, _Liar(place)).take(large)
        liar = _Liar(place)
        taken = _arrivals(two, signed, held, liar, place).take(large)
    assert [one.row.xet for one in taken.values()] == [one.xet for one in large]
