"""in-toto Statements v1 (in-toto/attestation, spec/v1/statement.md): what a signed claim is about and what it says.

Vetted predicate types are used where one fits; the others are under `https://hanse/` (a name, not an address):

    OMS          a manifest of OpenSSF Model Signing (`hanse.sign.oms`)
    SCAN         findings of the scanner: vulns v0.2
    REVIEW       a property that was checked and holds: Simple Verification Result v0.1
    OBSERVATION  an institution saw an upstream's name point at a revision and holds its bytes
    REF          the owner of a name sets a ref to a revision
    ADVISORY     an OSV record
    AUDIT        a member was asked for what it says it holds (`hanse.sign.audit`)

Statements are written in the canonical form of RFC 8785. They are read in any form, since others write them indented and in
random order; unknown fields of a predicate are kept and ignored (the attestation framework's parsing rules).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from hanse.errors import BadFormat, TooLarge
from hanse.model import predicates
from hanse.model.canonical import canonical
from hanse.model.digest import GitOid, Sha256, parse_git_oid, parse_sha256
from hanse.model.finding import Coverage, Finding, Verdict
from hanse.model.ref_statement import REF_PREDICATE
from hanse.model.repo import Origin, RefName, RepoId
from hanse.model.strictjson import parse_strict

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
OMS = "https://model_signing/signature/v1.0"
SCAN = "https://in-toto.io/attestation/vulns/v0.2"
REVIEW = "https://in-toto.io/attestation/svr/v0.1"
OBSERVATION = predicates.OBSERVATION
REF = REF_PREDICATE
ADVISORY = "https://hanse/advisory/v1"
SCANNER = "https://hanse/scanner"
RULESET = "https://hanse/ruleset"
MAX_STATEMENT_BYTES = 32 * 1024 * 1024
"""Largest statement: the manifest of about 100,000 files."""
MAX_SUBJECTS = 10_000
MAX_SCAN_BYTES = 64 * 1024
"""Largest statement of a scan that is read as it was at another time; those that are made here list at most 20 paths."""
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_MAX_TEXT = 4_096
_MAX_DIGESTS = 16


@dataclass(frozen=True, slots=True)
class Subject:
    """What a statement is about. name: informative; digest: algorithm name (`sha256`, `gitCommit`) -> lower-case hex."""

    name: str
    digest: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Statement:
    """A claim; predicate: a JSON object of the form that `predicate_type` names."""

    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: Mapping[str, Any]

    def encode(self) -> bytes:
        """Return the canonical JSON bytes; raises TooLarge, or BadFormat for what has no canonical form."""
        subjects = [{"name": subject.name, "digest": dict(subject.digest)} for subject in self.subjects]
        body = {"_type": STATEMENT_TYPE, "subject": subjects, "predicateType": self.predicate_type}
        data = canonical(body | {"predicate": dict(self.predicate)})
        if len(data) > MAX_STATEMENT_BYTES:
            raise TooLarge(f"a statement has at most {MAX_STATEMENT_BYTES:,} bytes, this one has {len(data):,}")
        return data

    def about(self, algorithm: str, digest: str) -> bool:
        """Tell whether a subject has this digest. Subjects are matched by digest only, never by name."""
        return any(subject.digest.get(algorithm) == digest for subject in self.subjects)


def parse_statement(data: bytes) -> Statement:
    """Return the Statement in a payload; raises TooLarge or BadFormat."""
    fields = parse_strict(data, "a statement", MAX_STATEMENT_BYTES)
    if fields.get("_type") != STATEMENT_TYPE:
        raise BadFormat(f"_type of a statement must be {STATEMENT_TYPE}, got {str(fields.get('_type'))[:120]!r}")
    kind, predicate, subjects = (fields.get(name) for name in ("predicateType", "predicate", "subject"))
    if type(kind) is not str or not 0 < len(kind) <= _MAX_TEXT:
        raise BadFormat("predicateType of a statement must be a text")
    if type(predicate) is not dict:
        raise BadFormat("predicate of a statement must be an object")
    if type(subjects) is not list or not subjects:
        raise BadFormat("a statement has at least one subject")
    if len(subjects) > MAX_SUBJECTS:
        raise TooLarge(f"a statement has at most {MAX_SUBJECTS:,} subjects, got {len(subjects):,}")
    return Statement(tuple(_subject(item) for item in subjects), kind, predicate)


def _subject(item: Any) -> Subject:
    if type(item) is not dict:
        raise BadFormat("a subject must be an object")
    name, digest = item.get("name", ""), item.get("digest")
    if type(name) is not str or len(name) > _MAX_TEXT:
        raise BadFormat("name of a subject must be a text")
    if type(digest) is not dict or not 0 < len(digest) <= _MAX_DIGESTS:
        raise BadFormat(f"a subject has 1 to {_MAX_DIGESTS} digests")
    if any(type(value) is not str or not 0 < len(value) <= _MAX_TEXT for value in digest.values()):
        raise BadFormat("a digest of a subject must be a text")
    return Subject(name, digest)


def revision_subject(repo: RepoId, rev: GitOid, tree: Sha256) -> Subject:
    """Return the subject that stands for a revision: its commit id, and the root of its files under `sha256`."""
    return Subject(repo.path, {"gitCommit": parse_git_oid(rev), "sha256": parse_sha256(tree)})


def file_subject(path: str, sha256: Sha256) -> Subject:
    """Return the subject that stands for a file, so that tools which know only its digest find the statement."""
    return Subject(path, {"sha256": parse_sha256(sha256)})


@dataclass(frozen=True, slots=True)
class UpstreamClaim:
    """What an upstream said of a revision when it was first asked: number and bytes of its files, SHA-256 of their list.

    The list is the JSON text, without spaces, of one array a file, ordered by path: path, size, git blob id, whether it is an LFS
    file, SHA-256 and Xet hash, "" for what the upstream did not say. Two observers who were told the same have the same digest.
    """

    files: int
    bytes: int
    listed: Sha256


def observation_statement(
    repo: RepoId, ref: RefName, rev: GitOid, tree: Sha256, *, observer: Origin, seq: int, claim: UpstreamClaim, time: int
) -> Statement:
    """Return that `observer` saw the ref of an upstream's repository at `rev` at `time` and holds the files of `tree`.

    seq: position of the ref in the observer's own log, whose leaf says the same; claim: what the upstream said of the commit.
    """
    said: dict[str, Any] = {"origin": repo.origin, "type": repo.type.value, "repo": repo.path, "ref": ref}
    said |= {"observer": observer, "seq": seq, "observedOn": timestamp(time)}
    said |= {"claimed": {"files": claim.files, "bytes": claim.bytes, "listed": claim.listed}}
    return Statement((revision_subject(repo, rev, tree),), OBSERVATION, said)


def ref_statement(repo: RepoId, ref: RefName, seq: int, rev: GitOid, tree: Sha256) -> Statement:
    """Return that position `seq` of a ref is `rev` with the files of `tree`; all zeros: the ref is deleted.

    Its bytes are those of `hanse.model.ref_statement`, which whoever replays a log rebuilds from a leaf.
    """
    said = _revision(repo, rev, tree) | {"repo": repo.folded, "ref": ref, "seq": seq}
    subject = Subject(repo.folded, {"gitCommit": parse_git_oid(rev), "sha256": parse_sha256(tree)})
    return Statement((subject,), REF, said)


def review_statement(subjects: Sequence[Subject], *, verifier: str, properties: Iterable[str], time: int) -> Statement:
    """Return that `verifier` (a URI) checked at `time` that the properties, such as `HANSE_BYTES_HELD`, hold."""
    said = {"verifier": {"id": verifier}, "timeCreated": timestamp(time), "properties": sorted(properties)}
    return Statement(tuple(subjects), REVIEW, said)


def advisory_statement(subjects: Sequence[Subject], record: Mapping[str, Any]) -> Statement:
    """Return an OSV record (already checked) about the subjects."""
    return Statement(tuple(subjects), ADVISORY, record)


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What the scanner found in a revision.

    scanner: its version; ruleset: the digest of its rules; findings: (path, finding), as far as they are told; evidence: SHA-256
    of the canonical JSON of all judgements, by which institutions compare; time: when the scan was finished.
    """

    scanner: str
    ruleset: Sha256
    verdict: Verdict
    coverage: Coverage
    findings: tuple[tuple[str, Finding], ...]
    evidence: Sha256
    time: int


def scan_statement(subjects: Sequence[Subject], report: ScanReport) -> Statement:
    """Return what the scanner found, one result for each rule, with every path; verdict, coverage and evidence are extra fields.

    The fields of times are those of the predicate: a ruleset has no date of its own, its digest says which one it was.
    """
    paths: dict[tuple[str, Verdict, str, str], list[str]] = {}
    for path, one in report.findings:
        paths.setdefault((one.rule, one.severity, one.says, one.member), []).append(path)
    scanner = {
        "uri": SCANNER,
        "version": report.scanner,
        "db": {"uri": RULESET, "version": report.ruleset},
        "result": [_result(*finding, found) for finding, found in paths.items()],
    }
    said = {"scanner": scanner, "verdict": report.verdict.value, "coverage": report.coverage.value, "evidence": report.evidence}
    return Statement(tuple(subjects), SCAN, _timed(said, timestamp(report.time)))


def scanned_at(payload: bytes, time: int) -> bytes:
    """Return the statement of a scan as it reads with another time (seconds since 1970), all else the same.

    Raises BadFormat or TooLarge if `payload` is none as `scan_statement` writes it.
    """
    if len(payload) > MAX_SCAN_BYTES:
        raise TooLarge(f"the statement of a scan has at most {MAX_SCAN_BYTES:,} bytes")
    said = parse_statement(payload)
    if said.predicate_type != SCAN or payload != _at(said, timestamp(_time(said))):
        raise BadFormat("this is no statement of a scan, or has several times")
    return _at(said, timestamp(time))


def scan_time(payload: bytes) -> int:
    """Return when the scan of a statement was finished, in seconds since 1970; raises BadFormat or TooLarge."""
    return _time(parse_statement(payload))


def _time(said: Statement) -> int:
    try:
        when = datetime.strptime(said.predicate["metadata"]["scanFinishedOn"], _TIME).replace(tzinfo=UTC)
    except (KeyError, TypeError, ValueError) as error:
        raise BadFormat("the statement of a scan does not say when it was finished") from error
    return int(when.timestamp())


def _at(said: Statement, when: str) -> bytes:
    try:
        return replace(said, predicate=_timed(said.predicate, when)).encode()
    except (KeyError, TypeError) as error:
        raise BadFormat("the statement of a scan does not name its scanner and ruleset") from error


def _timed(said: Mapping[str, Any], when: str) -> dict[str, Any]:
    """Return what a scan says with all three times of the predicate, which are one."""
    scanner = {**said["scanner"], "db": {**said["scanner"]["db"], "lastUpdate": when}}
    return {**said, "scanner": scanner, "metadata": {"scanStartedOn": when, "scanFinishedOn": when}}


def _result(rule: str, severity: Verdict, says: str, member: str, paths: Sequence[str]) -> dict[str, Any]:
    notes = [{"path": path} for path in paths] + [{"says": says}] + ([{"member": member}] if member else [])
    return {"id": rule, "severity": [{"method": SCANNER, "score": severity.value}], "annotations": notes}


def _revision(repo: RepoId, rev: GitOid, tree: Sha256) -> dict[str, Any]:
    return {"origin": repo.origin, "type": repo.type.value, "repo": repo.path, "rev": rev, "tree": tree}


def timestamp(time: int) -> str:
    """Return a time (seconds since 1970) as in-toto writes it: RFC 3339 in UTC."""
    return datetime.fromtimestamp(time, tz=UTC).strftime(_TIME)
