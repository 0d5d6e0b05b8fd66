"""Verdicts come from facts, path and ruleset alone."""

from __future__ import annotations

import pytest
from tests.support.judging import judged

from hanse.flows.rulesets import builtin_ruleset
from hanse.model.finding import Coverage, Verdict
from hanse.scan.facts import Facts, Observation, View
from hanse.scan.verdict import judge, view_of


@pytest.mark.parametrize(
    ("stopped", "coverage"),
    [
        (None, Coverage.COMPLETE),
        ("operations", Coverage.INCONCLUSIVE),
        ("encrypted", Coverage.INCONCLUSIVE),
        ("error:ValueError", Coverage.ERROR),
        ("time", Coverage.ERROR),
        ("crash", Coverage.ERROR),
    ],
)
def test_coverage_tells_bytes_from_machines(stopped: str | None, coverage: Coverage) -> None:
    """Budgets and encryption are inconclusive and reproducible; time and crashes are errors."""
    facts = Facts("s", 3, (View("media", "", 3, False, (), stopped),), {})
    assert judge(facts, "x.png", builtin_ruleset()).coverage is coverage


def test_imports_are_listed() -> None:
    """What pickles name is listed once, sorted, as `module name`."""
    seen = tuple(Observation("pickle.import", 0, {"module": m, "name": "x"}) for m in ("b", "a", "b"))
    facts = Facts("s", 3, (View("media", "", 3, True, seen),), {})
    assert judge(facts, "x.png", builtin_ruleset()).imports == ("a x", "b x")
    assert view_of(facts, "media") is not None
    assert view_of(facts, "zip") is None


def test_unknown_content_needs_caution() -> None:
    """Content that no format claims is caution, an empty file is safe."""
    assert judged(b"\x07\x01\x02\xff\xfe\x00\x00\x99" * 9, "data.xyz").verdict is Verdict.CAUTION
    assert judged(b"", "data.xyz").verdict is Verdict.SAFE
