"""Verdicts are ordered, and judgements have one canonical form."""

from __future__ import annotations

from hanse.model.canonical import canonical
from hanse.model.finding import Coverage, Finding, Gap, Judgement, Verdict, worst


def test_verdicts_are_ordered() -> None:
    """The worst verdict wins; nothing at all is safe."""
    assert worst([Verdict.CAUTION, Verdict.MALICIOUS, Verdict.SAFE]) is Verdict.MALICIOUS
    assert worst([]) is Verdict.SAFE
    assert [one.rank for one in Verdict] == [0, 1, 2, 3]


def test_a_finding_leaves_out_what_is_absent() -> None:
    """Absent parts are not in the JSON form; offset 0 is present."""
    bare = Finding("A-B", Verdict.CAUTION, "says", "remedy")
    assert bare.to_json() == {"rule": "A-B", "severity": "caution", "says": "says", "remedy": "remedy"}
    full = Finding("A-B", Verdict.CAUTION, "says", "remedy", "m", 0, "os system", "torch", ("CWE-1",))
    assert full.to_json()["offset"] == 0
    assert full.to_json()["refs"] == ["CWE-1"]


def test_a_judgement_has_canonical_bytes() -> None:
    """The JSON form of a judgement is canonical JSON and names every gap."""
    gap = Gap("inner", "zip", "encrypted", executes=True)
    judgement = Judgement("a", 1, Verdict.SAFE, Coverage.INCONCLUSIVE, (), ("zip",), (), (gap,), "s", "r", {"bytes": 1})
    assert b'"reason":"encrypted"' in canonical(judgement.to_json())
    assert judgement.executes
