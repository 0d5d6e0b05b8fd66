"""The Hub's forms, written and read."""

from __future__ import annotations

import pytest
from tests.support.exchanged import made

from hanse.errors import BadFormat
from hanse.evals.exchange.evalresults import entry, model_index, parse_entries, shown_entries


def test_an_entry_says_what_its_form_has_no_field_for() -> None:
    """The notes have interval, items, class and digests, and the source is where the record is."""
    one = made()
    said = entry(one.record, one.suite, "a" * 64, dataset="uni/sums@v1", url="https://uni.example/r")
    assert said["dataset"] == {"id": "uni/sums", "task_id": one.suite.name, "revision": "v1"}
    assert said["value"] == float(one.record.score.value)
    assert said["source"]["url"] == "https://uni.example/r"
    for text in (one.record.score.low, one.suite.digest, "a" * 64, "weights claimed"):
        assert text in said["notes"]


@pytest.mark.parametrize("name", ["", "sums", "a/b/c", "../x", "a/ b"])
def test_a_result_stands_under_a_data_set(name: str) -> None:
    """A data set that is not named as ORG/NAME is refused: the result would stand under somebody else's."""
    one = made()
    with pytest.raises(BadFormat, match="ORG/NAME"):
        entry(one.record, one.suite, "a" * 64, dataset=name)


def test_what_is_written_is_read_as_a_claim() -> None:
    """An entry of ours that comes back is a claim with the same value, not a record."""
    one = made()
    claims = parse_entries([entry(one.record, one.suite, "a" * 64, dataset="uni/sums")]).claims
    assert [(claim.dataset, claim.task, claim.value) for claim in claims] == [
        ("uni/sums", one.suite.name, one.record.score.value)
    ]


@pytest.mark.parametrize(
    "said",
    [
        None,
        {},
        [],
        ["x"],
        [{"dataset": {"id": "a/b"}}],
        [{"dataset": "a/b", "value": 1}],
        [{"dataset": {"id": []}, "value": 1}],
        [{"dataset": {"id": "a/b"}, "value": float("inf")}],
        [{"dataset": {"id": "a/b"}, "value": "1"}],
        [{"dataset": {"id": "a/b"}, "value": True}],
        [{"dataset": {"id": "a/b"}, "value": 1}] * 1001,
    ],
)
def test_hostile_entries(said: object) -> None:
    """Anything but a bounded list of results with numbers is refused."""
    with pytest.raises(BadFormat):
        parse_entries(said)


def test_the_older_form() -> None:
    """A model card's index has one result for each run, with the interval in the metric's name."""
    one = made()
    said = model_index([(one.record, one.suite, "a" * 64)], "model", "https://uni.example/r")["model-index"][0]
    assert said["name"] == "model"
    assert one.record.score.high in said["results"][0]["metrics"][0]["name"]


def test_what_is_written_is_shown() -> None:
    """An entry of ours is shown as it is; without a task or value it is refused, and a source without an address is left out."""
    one = made()
    written = entry(one.record, one.suite, "a" * 64, dataset="uni/sums", url="https://uni.example/r")
    assert shown_entries([written]) == [written]
    assert shown_entries([written | {"source": {"name": "x"}, "notes": "n" * 5000}])[0]["notes"] == "n" * 1000
    assert "source" not in shown_entries([written | {"source": {"name": "x"}}])[0]
    refused: list[object] = [{}, [], [1], [{"dataset": {"id": "a/b"}, "value": 1}], [{"dataset": {"id": "a/b", "task_id": "t"}}]]
    for bad in refused:
        with pytest.raises(BadFormat):
            shown_entries(bad)
