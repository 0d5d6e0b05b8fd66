"""Logs of Inspect AI: that of a real run, and such as nobody should trust."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hanse.errors import BadFormat, InputError
from hanse.evals.exchange.inspectlog import parse_inspect
from hanse.evals.exchange.log import suite_of
from hanse.evals.itemtable import Status

DATA = (Path(__file__).resolve().parents[3] / "vectors" / "harness_logs" / "inspect.json").read_bytes()


def test_a_real_log() -> None:
    """A log of two epochs becomes a suite of two epochs with the decoding, outcomes and time that it tells."""
    log = parse_inspect(DATA, "match")
    suite = suite_of(log)
    assert (suite.name, suite.version, suite.epochs, len(suite.items)) == ("inspect.sums", "2", 2, 4)
    assert (suite.decoding.temperature, suite.decoding.tokens) == (0.0, 16)
    assert {one.item.id: one.outcome for one in log.items} == {"sum-1-1": 1.0, "sum-2-3": 1.0, "sum-4-4": 1.0, "sum-10-7": 0.0}
    assert (log.version, log.model, float(log.timing["wall"]) >= 0) == ("0.3.285", "openai-api/local/adder", True)


def test_nobody_is_named() -> None:
    """No folder of a person in the log is kept."""
    assert "alice" not in str(parse_inspect(DATA.replace(b'"openai-api/local/adder"', b'"hf//home/alice/smol"'), "match"))


def test_several_scorers() -> None:
    """Of two scorers one must be named."""
    with pytest.raises(InputError, match="2 of what could be"):
        parse_inspect(DATA)


def _with(change: Callable[[dict[str, Any]], object]) -> bytes:
    said = json.loads(DATA)
    change(said)
    return json.dumps(said).encode()


def test_what_is_not_told_is_a_gap() -> None:
    """A log that says nothing of decoding is of another suite than one that does, and says that this is not told."""
    log = parse_inspect(_with(lambda said: said["plan"].update(config={})), "match")
    assert "decoding" in log.gaps
    assert suite_of(log).version == "2-defaults"


def test_what_can_be_recomputed() -> None:
    """Inspect's `includes` and `match` are ours with their defaults and one target; with options, or named twice, not."""
    plain = [{"name": "match", "options": {}}, {"name": "includes", "options": {}}]
    assert parse_inspect(DATA, "includes").like == ("includes", "1")
    assert parse_inspect(DATA, "match").like is None  # numbers
    assert parse_inspect(_with(lambda said: said["eval"].update(scorers=plain)), "match").like == ("ends", "1")
    for scorers in (plain * 2, "includes", [3], None):
        changed = _with(lambda said: said["eval"].update(scorers=scorers))  # noqa: B023 called at once
        assert parse_inspect(changed, "includes").like is None
    assert parse_inspect(_with(lambda said: said["samples"][0].update(target=["2", "two"])), "includes").like is None


def test_a_sample_that_failed() -> None:
    """A sample with an error has no outcome, and stays in the counts."""
    log = parse_inspect(_with(lambda said: said["samples"][0].update(error={"message": "down"})), "match")
    assert (log.items[0].answer.status, log.items[0].outcome) == (Status.INFRA_ERROR, None)


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said.update(status="error"),
        lambda said: said.pop("samples"),
        lambda said: said["samples"].clear(),
        lambda said: said["samples"][0]["scores"]["match"].update(value=7),
        lambda said: said["samples"][0]["scores"]["match"].update(value="Q"),
        lambda said: said["samples"][0].update(epoch=0),
        lambda said: said["samples"][0].update(epoch=10**6),
        lambda said: said["samples"][0].update(input=[]),
        lambda said: said["samples"][0].update(input=[{"role": "tool", "content": "x"}]),
        lambda said: said["samples"][0].update(input=[{"role": "user", "content": [{"type": "image", "image": "x"}]}]),
        lambda said: said["samples"].append("x"),
        lambda said: said["plan"].update(config={"temperature": 1e9}),
    ],
)
def test_hostile_logs(change: Callable[[dict[str, Any]], object]) -> None:
    """Logs of runs that did not end, and with values that none can have, are refused."""
    with pytest.raises(BadFormat):
        parse_inspect(_with(change), "match")
