"""Limits that were hit are findings with a rule, a place and a sentence."""

from __future__ import annotations

import pytest
from tests.samples.zipcraft import archive
from tests.support.judging import judged, rules_of

from hanse.flows.rulesets import builtin_ruleset
from hanse.jobs.pool import parse_facts, stopped_facts
from hanse.model.finding import Coverage, Gap, Judgement, Verdict
from hanse.scan import budget
from hanse.scan.limits import BOUNDS, judge_limits, too_much, unread
from hanse.scan.verdict import judge


@pytest.mark.parametrize(("reason", "rule"), [("time", "LIMIT-TIME"), ("memory", "LIMIT-MEMORY"), ("crash", "LIMIT-CRASH")])
@pytest.mark.parametrize("name", ["model.safetensors", "weights.bin", "modeling.py", "data.xyz", "config.json"])
def test_an_ended_worker_is_a_finding_and_nothing_else(reason: str, rule: str, name: str) -> None:
    """Of a file that was not read nothing is said but that: the machine's limit never makes a name a lie."""
    found = judge(parse_facts(stopped_facts(10_000, reason)), name, builtin_ruleset())
    assert rules_of(found) == {rule}
    assert (found.verdict, found.coverage) == (Verdict.CAUTION, Coverage.ERROR)


@pytest.mark.parametrize("reason", sorted(BOUNDS))
def test_every_bound_has_a_sentence(reason: str) -> None:
    """A bound in operations or bytes is one finding, at the innermost place that stopped."""
    gaps = [Gap(member, "pickle", reason, executes=True) for member in ("", "a.zip", "a.zip!/b", "c")]
    (hit,) = judge_limits(gaps)
    found = builtin_ruleset().finding(hit)
    assert (found.rule, found.severity, found.member) == ("LIMIT-BUDGET", Verdict.CAUTION, "a.zip!/b")
    assert BOUNDS[reason] in found.says
    assert "?" not in found.says


def test_a_scanner_that_fails_says_so() -> None:
    """An error in a parser is a finding that names it, want of memory one of its own."""
    gaps = [Gap("m", "gguf", "error:ValueError", executes=False), Gap("", "zip", "error:MemoryError", executes=True)]
    told = [builtin_ruleset().finding(hit) for hit in judge_limits(gaps)]
    assert [one.rule for one in told] == ["LIMIT-FAILED", "LIMIT-MEMORY"]
    assert "reading gguf failed with ValueError" in told[0].says


def test_what_cannot_be_read_is_no_limit() -> None:
    """Encryption and unknown compression have rules of their own."""
    assert list(judge_limits([Gap("", "7z", "encrypted", executes=True), Gap("", "zip", "compression", executes=True)])) == []


def _starved(monkeypatch: pytest.MonkeyPatch, data: bytes, **limits: int) -> Judgement:
    whole = budget.limits_for(len(data))
    monkeypatch.setattr("hanse.scan.dispatch.limits_for", lambda _size: whole | limits)
    return judged(data, "model.zip")


def test_a_budget_that_runs_out_is_inconclusive_and_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ran out is told with its rule, and the same evidence comes out each time."""
    data = archive(*((f"{number}.txt", b"text") for number in range(40)))
    assert rules_of(judged(data, "model.zip")) == set()
    found = _starved(monkeypatch, data, members=10)
    assert (rules_of(found), found.coverage) == ({"LIMIT-BUDGET"}, Coverage.INCONCLUSIVE)
    assert "members of archives" in found.findings[0].says
    assert found == _starved(monkeypatch, data, members=10)


def test_what_lies_beyond_a_file_has_sentences() -> None:
    """Files that cannot be read, and revisions with more than is judged together, are told with their words filled in."""
    rules = builtin_ruleset()
    gone, cut = rules.finding(unread("a/b.bin", "Permission denied")), rules.finding(too_much("files", 20_000))
    assert (gone.member, cut.member) == ("a/b.bin", "")
    assert gone.says.startswith("a/b.bin could not be read (Permission denied)")
    assert "more files than are judged together (at most 20,000)" in cut.says
