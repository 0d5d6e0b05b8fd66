"""The record: equal observations are one, all are bounded."""

from __future__ import annotations

from hanse.scan.budget import Budget, limits_for
from hanse.scan.dispatch import describe
from hanse.scan.pickle.record import LIMITS, OTHERS, Record
from hanse.scan.source import BytesSource
from hanse.scan.walk import Walk


def written(record: Record) -> tuple[list[tuple[str, dict[str, object]]], str | None]:
    """Return what a record writes into a view, and why the view stopped."""
    walk = Walk(Budget(limits_for(0)), describe)
    with walk.view("pickle", "", BytesSource(b""), executes=True) as view:
        record.write(view)
    (made,) = walk.views()
    return [(one.kind, dict(one.data)) for one in made.observations], made.stopped


def test_equal_observations_are_counted() -> None:
    """The first place is kept, further ones only counted."""
    record = Record()
    for at in (5, 9):
        entry = record.note("import", "key", at, {"module": "m", "name": "n"})
    entry[1] += 1
    assert written(record) == ([("pickle.import", {"module": "m", "name": "n", "count": 3})], None)


def test_lost_imports_stop_the_view() -> None:
    """More imports than are kept make the view inconclusive, more of a side matter do not."""
    record = Record()
    for number in range(LIMITS["import"] + 1):
        record.note("import", number, 0, {})
    assert written(record)[1] == "observations"
    record = Record()
    for number in range(OTHERS + 7):
        record.note("setitem", number, 0, {})
    seen, stopped = written(record)
    assert stopped is None
    assert seen[-1] == ("pickle.more", {"what": "setitem", "count": 7})


def test_storages_come_in_lists() -> None:
    """Ten thousand storages are few observations."""
    record = Record()
    for number in range(130):
        record.note("storage", number, number, {"key": str(number)})
    seen, _ = written(record)
    assert [kind for kind, _ in seen] == ["pickle.storages"] * 3
    assert record.count("storage") == 130
    assert len(record.kept("storage")) == 130
