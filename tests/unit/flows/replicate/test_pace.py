"""Copies are fetched no faster than the rate, and at the hours that the operator allows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hanse.errors import BadFormat
from hanse.flows.replicate.pace import Hours, Pace, PacedPlace, parse_hours
from hanse.model.digest import GitOid
from hanse.model.filepin import FilePin

PIN = FilePin("f", 300_000, GitOid("1" * 40), lfs=True)


class _Place:
    name = "place"

    def read(self, _pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        yield bytes(end - start)

    def chunk_list(self, _pin: FilePin) -> bytes | None:
        return bytes(36)


def test_hours() -> None:
    """Windows may cross midnight; without one it is always time, and both ends are minutes of a day."""
    hours = parse_hours("22:00-06:00, 12:00-12:30")
    assert [hours.open(at * 60) for at in (0, 359, 360, 719, 720, 749, 750, 1319, 1320)] == [
        True, True, False, False, True, True, False, False, True,
    ]  # fmt: skip
    assert parse_hours("").open(5)
    assert parse_hours("00:00-24:00") == Hours()
    for text in ("22", "22:00", "25:00-01:00", "10:60-11:00", "x", ",".join(["01:00-02:00"] * 25)):
        with pytest.raises(BadFormat):
            parse_hours(text)


def test_the_rate_holds_for_all_together() -> None:
    """Whatever the pieces, bytes take their time but for the first second's; no more than a second is saved up."""
    now = [100.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    pace = Pace(1000, clock=lambda: now[0], sleep=sleep)
    counted: list[int] = []
    places = [PacedPlace(_Place(), pace, counted.append) for _ in range(2)]
    for place in places:
        assert sum(map(len, place.read(PIN, 0, 150_000))) == 150_000
    assert sum(counted) == pace.taken == 300_000
    assert now[0] - 100.0 == pytest.approx(300, abs=1.5)
    assert max(counted) <= 64 * 1024
    now[0] += 1000
    before = now[0]
    pace.take(5000)
    assert now[0] - before == pytest.approx(4, abs=0.1)


def test_without_a_rate_nothing_waits() -> None:
    """Pieces pass as they come, and chunk lists too."""
    pace = Pace(sleep=lambda _: pytest.fail("slept"))
    place = PacedPlace(_Place(), pace)
    assert [len(one) for one in place.read(PIN, 0, 300_000)] == [300_000]
    assert place.chunk_list(PIN) == bytes(36)
    assert place.name == "place"
