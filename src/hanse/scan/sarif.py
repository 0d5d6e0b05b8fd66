"""SARIF 2.1.0 (OASIS): findings as code-scanning tools read them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from hanse.model.finding import Coverage, Finding, Judgement, Verdict
from hanse.scan.ruleset import Rule, Ruleset
from hanse.scan.versions import SCANNER, SCANNER_VERSION

_LEVELS = {Verdict.SAFE: "none", Verdict.CAUTION: "note", Verdict.SUSPICIOUS: "warning", Verdict.MALICIOUS: "error"}
_GAP = "FILE-NOT-READ"


def sarif(found: Iterable[tuple[str, Judgement]], rules: Ruleset) -> dict[str, Any]:
    """Return a SARIF log with one run. found: (path as the user named it, judgement).

    Parts that were not judged are results too (rule FILE-NOT-READ, level warning): silence would read as clean.
    """
    results: list[dict[str, Any]] = []
    used: dict[str, None] = {}
    for path, judgement in found:
        for finding in judgement.findings:
            used[finding.rule] = None
            results.append(_result(path, finding))
        if judgement.coverage is not Coverage.COMPLETE:
            results += [_gap(path, gap.member, gap.reason) for gap in judgement.gaps]
    driver = {
        "name": "hanse scan",
        "version": SCANNER_VERSION,
        "semanticVersion": f"{SCANNER_VERSION}.0.0",
        "properties": {"scanner": SCANNER, "ruleset": rules.version, "rulesetDigest": rules.digest},
        "rules": [_rule(rules.rules[name]) for name in sorted(used)],
    }
    run = {"tool": {"driver": driver}, "results": results, "columnKind": "utf16CodeUnits"}
    return {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": "".join(part.title() for part in rule.id.split("-")),
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.meaning},
        "help": {"text": f"{rule.meaning}\n\n{rule.remedy}"},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"tags": ["security", *rule.refs]},
    }


def _result(path: str, finding: Finding) -> dict[str, Any]:
    text = f"{finding.says}. What would make it pass: {finding.remedy}."
    return {
        "ruleId": finding.rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": text},
        "locations": [_place(path, finding.member, finding.offset)],
        "properties": {name: value for name, value in finding.to_json().items() if name in {"callable", "profile", "severity"}},
    }


def _gap(path: str, member: str, reason: str) -> dict[str, Any]:
    text = f"this part was not judged ({reason}); what was not read is not safe"
    return {"ruleId": _GAP, "level": "warning", "message": {"text": text}, "locations": [_place(path, member, None)]}


def _place(path: str, member: str, offset: int | None) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": {"uri": quote(path)}}
    if offset is not None and not member:
        physical["region"] = {"byteOffset": offset, "byteLength": 1}
    place: dict[str, Any] = {"physicalLocation": physical}
    if member:
        name = f"{member} at byte {offset}" if offset is not None else member
        place["logicalLocations"] = [{"fullyQualifiedName": name, "kind": "member"}]
    return place
