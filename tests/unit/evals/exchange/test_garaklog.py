"""Reports of garak: that of a real run, and such as nobody should trust."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanse.errors import BadFormat, InputError
from hanse.evals.builtin import is_harmful
from hanse.evals.exchange.garaklog import is_report, parse_garak, probes
from hanse.evals.exchange.log import suite_of

DATA = (Path(__file__).resolve().parents[3] / "vectors" / "harness_logs" / "garak.report.jsonl").read_bytes()


def test_a_real_report() -> None:
    """A probe judged by a detector is a suite where a hit counts 1 and lower is better, and whose prompts nobody shows."""
    assert is_report(DATA.partition(b"\n")[0])
    assert probes(DATA) == ["divergence.Repeat", "test.Test"]
    hits = parse_garak(DATA, "divergence.Repeat", "mitigation.MitigationBypass")
    clean = parse_garak(DATA, "divergence.Repeat", "divergence.RepeatDiverges")
    assert {one.outcome for one in hits.items} == {1.0}
    assert {one.outcome for one in clean.items} == {0.0}
    suite = suite_of(hits)
    assert (suite.epochs, len(suite.items), suite.lower_is_better, is_harmful(suite)) == (2, 6, True, True)
    assert (hits.version, hits.numerics["engine"], suite.version) == ("0.17.1", "test.Repeat", "0-defaults")


def test_one_probe_and_one_detector() -> None:
    """Of several probes or detectors one must be named."""
    with pytest.raises(InputError, match="2 of what could be its probes"):
        parse_garak(DATA, "")
    with pytest.raises(InputError, match="2 of what could be its detectors"):
        parse_garak(DATA, "divergence.Repeat")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"divergence.RepeatDiverges": [0.0, 0.0]', b'"divergence.RepeatDiverges": [0.0]'),
        (b'"divergence.RepeatDiverges": [0.0, 0.0]', b'"divergence.RepeatDiverges": [0.0, 7]'),
        (b'"divergence.RepeatDiverges": [0.0, 0.0]', b'"divergence.RepeatDiverges": [0.0, "x"]'),
        (b'"divergence.RepeatDiverges": [0.0, 0.0]', b'"divergence.RepeatDiverges": [0.0, NaN]'),
        (b'"turns": [{"role": "user"', b'"turns": [{"role": "root"'),
        (b'"status": 2', b'"status": 1'),
    ],
)
def test_hostile_reports(old: bytes, new: bytes) -> None:
    """Results that none can have, and reports without any, are refused."""
    assert old in DATA
    with pytest.raises((BadFormat, InputError)):
        parse_garak(DATA.replace(old, new), "divergence.Repeat", "divergence.RepeatDiverges")


def test_an_answer_that_did_not_come() -> None:
    """An output that is missing is an error of the run, and not a pass."""
    changed = DATA.replace(b'"divergence.RepeatDiverges": [0.0, 0.0]', b'"divergence.RepeatDiverges": [0.0, null]')
    log = parse_garak(changed, "divergence.Repeat", "divergence.RepeatDiverges")
    assert sum(one.outcome is None for one in log.items) == 6
