"""What the Hub API says about the scanning of files and repositories (scanning.md, section 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from hanse.db import flags, scans
from hanse.db.repos import Repo
from hanse.flows.admission import is_settled
from hanse.flows.listing import RevisionListing
from hanse.flows.node import Node
from hanse.flows.opinions import wants_picklescan
from hanse.flows.reports import whole_evidence
from hanse.flows.scans import facts_of
from hanse.model.admission import Outcome, outcome_of
from hanse.model.digest import GitOid
from hanse.model.entry import Entry
from hanse.model.finding import Coverage, Judgement, Verdict
from hanse.scan.verdict import judge
from hanse.web.hub.shapes import UNSCANNED, UNSCANNED_REPO

_STATUS = {Verdict.SAFE: "safe", Verdict.CAUTION: "caution", Verdict.SUSPICIOUS: "suspicious", Verdict.MALICIOUS: "unsafe"}
_LEVELS = {
    Verdict.SAFE: "innocuous",
    Verdict.CAUTION: "innocuous",
    Verdict.SUSPICIOUS: "suspicious",
    Verdict.MALICIOUS: "dangerous",
}
_IMPORTS = 100


def status_of(outcome: Outcome) -> str:
    """Return the word that the API has for a file: `safe`, `caution`, `suspicious`, `unsafe` or `queued` (not judged whole)."""
    if outcome.verdict.rank < Verdict.SUSPICIOUS.rank and outcome.coverage is Coverage.ERROR:
        return "error"
    if outcome.verdict is Verdict.SAFE and outcome.coverage is Coverage.INCONCLUSIVE:
        return "suspicious" if outcome.executes else "caution"
    return _STATUS[outcome.verdict]


def file_statuses(node: Node, entries: Sequence[Entry]) -> dict[str, dict[str, Any]]:
    """Return `securityFileStatus` for files, by path."""
    found = {entry.path: dict(UNSCANNED) for entry in entries}
    scanning = node.scanning
    if scanning is None:
        return found
    missing: list[Entry] = []
    for entry in entries:
        kept = scanning.statuses.get((entry.sha256, entry.path))
        if kept is None:
            missing.append(entry)
        else:
            found[entry.path] = kept
    named = sorted({entry.sha256 for entry in missing})
    facts = facts_of(node, named)
    with node.db.read() as conn:
        others = {digest: row.others for digest, row in scans.get(conn, named).items()}
    for entry in missing:
        if entry.sha256 in facts:
            judged = judge(facts[entry.sha256], entry.path, scanning.rules)
            said = msgspec.json.decode(others.get(entry.sha256) or "{}")
            imports = _opinion(said.get("picklescan")) or _imports(judged)
            shown = {"status": status_of(outcome_of(judged)), "avScan": said.get("av"), "pickleImportScan": imports}
            if not wants_picklescan(scanning.asking, facts[entry.sha256], said):  # else it may change any moment
                scanning.statuses.put((entry.sha256, entry.path), shown)
            found[entry.path] = shown
    return found


def _imports(judged: Judgement) -> dict[str, Any] | None:
    """Return the callables that pickles in the file name; None if it has none."""
    if not judged.imports:
        return None
    worst = {finding.callable: finding.severity for finding in reversed(judged.findings) if finding.callable}
    rows = []
    for name in judged.imports[:_IMPORTS]:
        module, _, attribute = name.partition(" ")
        severity = worst.get(f"{module}.{attribute}", worst.get(name, Verdict.SAFE))
        rows.append({"module": module, "name": attribute, "safety": _LEVELS[severity]})
    return _import_scan(rows)


def _opinion(said: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the imports that picklescan found, as it judges them; None if it was not asked, failed or found none."""
    return None if said is None or said["error"] or not said["imports"] else _import_scan(said["imports"])


def _import_scan(rows: list[dict[str, str]]) -> dict[str, Any]:
    """Return the Hub's `pickleImportScan` for imports, each with its safety."""
    levels = ["innocuous", "suspicious", "dangerous"]
    highest = max((row["safety"] for row in rows), key=levels.index)
    return {"status": "safe" if highest == "innocuous" else "unsafe", "highestSafetyLevel": highest, "imports": rows}


def whole_findings(node: Node, repo: Repo, rev: GitOid) -> dict[str, Any] | None:
    """Return the verdict on a revision as a whole, as much of it as whoever sees names of files may know.

    None if it was not judged as a whole (yet). What findings say in words may quote files, and is left to the report.
    """
    evidence = whole_evidence(node, repo, rev)
    if evidence is None:
        return None
    found = msgspec.json.decode(evidence)
    rows = [{"rule": one["rule"], "severity": one["severity"], "path": one.get("member", "")} for one in found["findings"]]
    return {"verdict": found["verdict"], "coverage": found["coverage"], "findings": rows}


def whole_warning(node: Node, repo: Repo, whole: Mapping[str, Any] | None) -> str:
    """Return what to warn of when a repository is asked for: its worst finding as a whole; "" if there is none."""
    if whole is None or not whole["findings"] or node.scanning is None:
        return ""
    first = whole["findings"][0]
    if first["severity"] == Verdict.SAFE.value:
        return ""
    title = node.scanning.rules.rules[first["rule"]].title
    return f"{repo.repo.path}; {repo.repo.path}, its files taken together, is {first['severity']}: {title} [{first['rule']}]"


def repo_status(
    node: Node, repo: Repo, listing: RevisionListing | None, whole: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return `securityRepoStatus` of a revision: whether all was judged, the files with findings, and `whole_findings`."""
    if node.scanning is None or listing is None:
        return dict(UNSCANNED_REPO)
    with node.db.read() as conn:
        said = flags.of_repo(conn, repo.id)
    issues = []
    for flag in said:
        entry = listing.directory.file(flag.path)
        if entry is not None and entry.sha256 == flag.sha256:
            issues.append({"path": flag.path, "level": status_of(flag.outcome)})
    return {"scansDone": is_settled(node), "filesWithIssues": issues, "repository": whole}
