"""Signing what the scanner found in a settled revision: a second statement beside the manifest, in the words of in-toto.

Evidence that institutions compare is the SHA-256 of the canonical JSON `{"files": [[path, sha256 of its judgement], ...],
"repository": sha256 of the judgement on all files}`: whoever has the same files, ruleset and scanner version comes to the same.
The findings that are listed beside it name rules and paths, and do not quote files: everybody who sees the names may read them.
What failed for want of time or memory is not signed.

Signing the manifest does not wait for the verdict, so a ref can move on in between: what was passed over like this, and what
was mirrored or copied without a ref, is judged and signed once, by whatever ruleset is in force then. Only heads are judged and
signed anew by another.
"""

from __future__ import annotations

import hashlib
import logging
import zlib
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from hanse.db import attestations, repository_scans
from hanse.db.attestations import START, Place
from hanse.db.repository_scans import Head, RepositoryScan
from hanse.errors import HanseError
from hanse.flows import bundles
from hanse.flows.admission import is_settled
from hanse.flows.attest import enter, settled
from hanse.flows.node import Node
from hanse.flows.scans import facts_of
from hanse.flows.settle import MAX_FILES, MAX_REPORT, judge_head
from hanse.model.canonical import canonical
from hanse.model.digest import Sha256
from hanse.model.entry import Entry
from hanse.model.finding import Coverage, Finding, Judgement, Verdict
from hanse.scan.ruleset import Ruleset
from hanse.scan.verdict import judge
from hanse.scan.versions import SCANNER
from hanse.sign.statement import OMS, SCAN, ScanReport, file_subject, revision_subject, scan_statement

MAX_FINDINGS = 20
"""Findings that are listed, the worst first; the evidence covers all."""
WEIGHT_BYTES = 1024 * 1024
MAX_WEIGHTS = 10
"""Files of at least that size are subjects beside the revision, the largest first, for tools that know only their digests."""
_BATCH = 200
_log = logging.getLogger(__name__)


def basis_of(ruleset: str, scanner: str) -> str:
    """Return what a statement about a scan rests on besides the files: SHA-256 of ruleset digest, NUL, scanner version."""
    return hashlib.sha256(f"{ruleset}\0{scanner}".encode()).hexdigest()


def attest_scan_next(node: Node, rest: int, after: Place = START) -> Place | None:
    """Sign the next verdict on a settled head behind `after` that is known and not signed, and return its place."""
    if node.scanning is None:
        return None
    rules, key = node.scanning.rules, node.keys.attest.public.fingerprint
    scan = (rules.digest, SCANNER, basis_of(rules.digest, SCANNER))
    before = node.clock.now() - rest
    with node.db.read() as conn:
        head = attestations.unattested_scan(conn, node.origin, SCAN, key, scan=scan, before=before, after=after)
    if head is None:
        return None
    try:
        attest_scan(node, head)
    except HanseError as error:
        _log.warning("attest: verdict on %s of repository %d: %s", head.rev, head.repo_id, error.message)
    return head.repo_id, head.ref


def scan_passed_next(node: Node, after: Place = START) -> Place | None:
    """Judge the newest revision behind `after` that was attested and never scanned, sign the verdict, and return its place.

    Its ref moved on before its verdict was signed, or it never had one here. Heads are left to `judge_next` and
    `attest_scan_next`. A place is the row id of a manifest, with no ref.
    """
    # While files are judged again after an upgrade, that is for heads alone.
    if node.scanning is None or not is_settled(node):
        return None
    with node.db.read() as conn:
        found = attestations.unscanned(conn, OMS, SCAN, after[0])
        if found is None:
            return None
        number, passed = found
        head = attestations.is_head(conn, passed.repo_id, passed.rev)
        judged = repository_scans.get(conn, passed.repo_id, passed.rev, node.scanning.rules.digest, SCANNER)
    if not head:
        try:
            if judged is None:
                judge_head(node, passed)
            attest_scan(node, passed)
        except HanseError as error:
            _log.warning("attest: verdict on %s of repository %d: %s", passed.rev, passed.repo_id, error.message)
    return number, ""


def attest_scan(node: Node, head: Head) -> int | None:
    """Sign the verdict on a head and queue its leaf, whose row id is returned; None if there is nothing (any more) to sign."""
    assert node.scanning is not None
    found, rules = settled(node, head), node.scanning.rules
    with node.db.read() as conn:
        row = repository_scans.get(conn, head.repo_id, head.rev, rules.digest, SCANNER)
    if found is None or row is None:
        return None
    repo, revision = found
    entries = list(node.listings.get(node.store, revision.object).directory.entries())
    report = _report(node, row, entries)
    if report is None:
        return None
    weights = sorted((entry for entry in entries if entry.size >= WEIGHT_BYTES), key=lambda one: (-one.size, one.path))
    subjects = [revision_subject(repo.repo, revision.rev, revision.tree)]
    subjects += [file_subject(entry.path, entry.sha256) for entry in weights[:MAX_WEIGHTS]]
    bundle = bundles.sign(node.store, scan_statement(subjects, report), node.keys.attest)
    return enter(node, repo, revision, bundle, SCAN, basis=basis_of(rules.digest, SCANNER))


def _report(node: Node, row: RepositoryScan, entries: Sequence[Entry]) -> ScanReport | None:
    """Return what is signed of a verdict; None if the scan failed, or a file's facts are gone."""
    assert node.scanning is not None
    rules = node.scanning.rules
    whole = zlib.decompressobj().decompress(row.report, MAX_REPORT)
    said = msgspec.json.decode(whole)
    if Coverage(said["coverage"]) is Coverage.ERROR:
        return None
    judged = _judgements(node, entries) if len(entries) <= MAX_FILES else []
    if judged is None:
        return None
    files = [[path, hashlib.sha256(canonical(one.to_json())).hexdigest()] for path, one in judged]
    evidence = canonical({"files": files, "repository": hashlib.sha256(whole).hexdigest()})
    return ScanReport(
        scanner=SCANNER,
        ruleset=Sha256(rules.digest),
        verdict=Verdict(said["verdict"]),
        coverage=Coverage(said["coverage"]),
        findings=_told(said["findings"], judged, rules),
        evidence=Sha256(hashlib.sha256(evidence).hexdigest()),
        time=row.created_at,
    )


def _judgements(node: Node, entries: Sequence[Entry]) -> list[tuple[str, Judgement]] | None:
    """Return the judgement on each file, by path; None if a file could not be judged, or not for want of time or memory."""
    assert node.scanning is not None
    found: list[tuple[str, Judgement]] = []
    for at in range(0, len(entries), _BATCH):
        some = entries[at : at + _BATCH]
        facts = facts_of(node, list(dict.fromkeys(entry.sha256 for entry in some)))
        for entry in some:
            if entry.sha256 not in facts:
                return None
            judged = judge(facts[entry.sha256], entry.path, node.scanning.rules)
            if judged.coverage is Coverage.ERROR:
                return None
            found.append((entry.path, judged))
    return sorted(found, key=lambda one: one[0])


def _told(
    whole: Sequence[dict[str, str]], judged: Sequence[tuple[str, Judgement]], rules: Ruleset
) -> tuple[tuple[str, Finding], ...]:
    """Return the findings that are listed: (path, finding in the words of its rule), the worst first."""
    found = [(path, one) for path, judgement in judged for one in judgement.findings if one.severity is not Verdict.SAFE]
    for one in whole:
        severity = Verdict(one["severity"])
        if severity is not Verdict.SAFE:
            found.append((one.get("member", ""), Finding(one["rule"], severity, "", "")))
    plain = {(path, one.rule): replace(one, says=rules.rules[one.rule].title, remedy="", member="") for path, one in found}
    listed = sorted(plain.items(), key=lambda item: (-item[1].severity.rank, item[0]))
    return tuple((path, one) for (path, _), one in listed[:MAX_FINDINGS])
