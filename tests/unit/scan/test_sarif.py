"""SARIF: every finding and every gap is a result."""

from __future__ import annotations

from tests.support.judging import judged

from hanse.flows.rulesets import builtin_ruleset
from hanse.model.finding import Coverage, Finding, Gap, Judgement, Verdict
from hanse.scan.sarif import sarif


def test_findings_and_rules() -> None:
    """A finding names its rule, its level and the file; the rule is described once."""
    judgement = judged(b"\x07\x01\xff\xfe\x00\x00\x99" * 9, "data.xyz")
    (run,) = sarif([("dir/a b.xyz", judgement), ("c.xyz", judgement)], builtin_ruleset())["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["FILE-UNKNOWN-FORMAT"]
    assert [result["level"] for result in run["results"]] == ["note", "note"]
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "dir/a%20b.xyz"


def test_members_and_offsets() -> None:
    """Offsets in the file are regions; those inside members are logical locations."""
    rule = next(iter(builtin_ruleset().rules))
    found = (Finding(rule, Verdict.MALICIOUS, "s", "r", "", 5), Finding(rule, Verdict.MALICIOUS, "s", "r", "m!/x", 6))
    judgement = Judgement("p", 9, Verdict.MALICIOUS, Coverage.COMPLETE, found, (), (), (), "s", "r")
    first, second = sarif([("p", judgement)], builtin_ruleset())["runs"][0]["results"]
    assert first["locations"][0]["physicalLocation"]["region"] == {"byteOffset": 5, "byteLength": 1}
    assert second["locations"][0]["logicalLocations"] == [{"fullyQualifiedName": "m!/x at byte 6", "kind": "member"}]


def test_gaps_are_results() -> None:
    """What was not read is a warning, never silence."""
    gaps = (Gap("m", "zip", "encrypted", executes=True),)
    judgement = Judgement("p", 9, Verdict.SAFE, Coverage.INCONCLUSIVE, (), (), (), gaps, "s", "r")
    (result,) = sarif([("p", judgement)], builtin_ruleset())["runs"][0]["results"]
    assert (result["ruleId"], result["level"]) == ("FILE-NOT-READ", "warning")
