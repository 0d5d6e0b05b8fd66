"""Judging bytes in a test: facts, then the verdict under the ruleset that ships."""

from __future__ import annotations

from hanse.flows.rulesets import builtin_ruleset
from hanse.model.finding import Coverage, Judgement, Verdict
from hanse.scan.dispatch import extract
from hanse.scan.source import BytesSource
from hanse.scan.verdict import judge


def judged(data: bytes, path: str = "file.bin") -> Judgement:
    """Return the verdict on `data` under the name `path`."""
    return judge(extract(BytesSource(data)), path, builtin_ruleset())


def rules_of(judgement: Judgement) -> set[str]:
    """Return the ids of the rules that applied."""
    return {finding.rule for finding in judgement.findings}


def served(judgement: Judgement) -> bool:
    """Tell whether a node would serve the file: safe or caution, and fully read where it matters."""
    return judgement.verdict in {Verdict.SAFE, Verdict.CAUTION} and judgement.coverage is Coverage.COMPLETE
