"""Whether an export is whole and true, without network (docs/export.md).

1. **index**: `export.json` and `SHA256SUMS` are there, and of one export.
2. **files**: exactly the files that they list are there, each with its SHA-256; each xorb makes up its name, chunk by chunk.
3. **evidence**: of every revision, verified as `hanse verify` verifies it, against what was seen before, by the policy.
4. **bytes**: every file of every signed manifest has a chunk list that makes up its Xet hash, and terms that lead to exactly
   these chunks; git's names fit.
5. **log**: the log of the node that made it, and its copies of others, replayed from the first leaf to the checkpoint.

Every step is taken as far as it can be, and every failure is listed. What was verified is remembered, as after `hanse verify`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from hanse.content.hashing import file_hash_of_chunk_list
from hanse.content.staticterms import StaticTerm, parse_static, static_limit
from hanse.content.xorb import XorbTable
from hanse.errors import BadProof, DigestMismatch, HanseError, PolicyError, RolledBack, StorageError
from hanse.flows.inspect_log import check_whole_log, open_read_log
from hanse.flows.leaving.exported_logs import exported_logs
from hanse.flows.leaving.filelog import FileLog
from hanse.flows.leaving.hashed import hash_files
from hanse.flows.leaving.listing import MAX_LISTING_BYTES, name_files
from hanse.flows.leaving.sources import ExportSource, pieces, small
from hanse.flows.verify import VerifiedRevision
from hanse.flows.verify_folder import Question, Verifying, keep, verify_evidence
from hanse.model.digest import GitOid, Sha256, XetHash, parse_xet
from hanse.model.evidence import MAX_EVIDENCE_BYTES, parse_evidence
from hanse.model.exportindex import (
    INDEX,
    MAX_INDEX_BYTES,
    MAX_SUMS_BYTES,
    SUMS,
    ExportedRepo,
    ExportIndex,
    parse_export_index,
    parse_sums,
)
from hanse.model.repo import Origin
from hanse.model.staticlayout import StaticPath, chunks_path, reconstruction_path
from hanse.peers.chunklists import chunk_list_limit
from hanse.sign.oms import ManifestFile

MAX_TOLD = 1000

Advance = Callable[[int, int], None]
"""Told how many bytes of how many were read."""


@dataclass(frozen=True, slots=True)
class TrueRevision:
    """A revision of an export that was verified. proved: whether its commit id follows from its files."""

    revision: VerifiedRevision
    proved: bool


@dataclass(slots=True)
class ExportReport:
    """What came of it. failed: what is false or absent, `more` that are not listed; logs: leaves of each log, replayed."""

    index: ExportIndex
    revisions: list[TrueRevision] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    more: int = 0
    notices: list[str] = field(default_factory=list)
    logs: dict[Origin, int] = field(default_factory=dict)

    def fail(self, what: str, says: str) -> None:
        """Note a failure."""
        if len(self.failed) < MAX_TOLD:
            self.failed.append(f"{what}: {says}")
        else:
            self.more += 1


def read_index(source: ExportSource) -> ExportIndex:
    """Return the index of an export; raises BlobNotFound if it has none (it is not whole), BadFormat or TooLarge."""
    return parse_export_index(small(source, INDEX, MAX_INDEX_BYTES))


def verify_export(source: ExportSource, verifying: Verifying, advance: Advance = lambda _done, _all: None) -> ExportReport:
    """Return what an export is, all failures listed.

    Raises BlobNotFound, BadFormat or TooLarge if there is no index that can be read; StorageError.
    """
    # 1.
    report = ExportReport(read_index(source))
    digests = _sums(source, report)
    # 2.
    _compare(source, report, digests)
    checked = hash_files(source, digests, report.fail, advance)
    # 3. and 4.
    seen: set[XetHash] = set()
    for repo in report.index.repos:
        for rev in repo.revs:
            _revision(source, report, verifying, repo, rev, tables=checked, seen=seen)
    # 5.
    _logs(source, report, verifying)
    return report


def _sums(source: ExportSource, report: ExportReport) -> dict[StaticPath, Sha256]:
    """Return the digests of all files as the export lists them."""
    try:
        size = source.sizes.get(SUMS, 0)
        if size > MAX_SUMS_BYTES:
            raise BadProof(f"{SUMS} has {size:,} bytes")
        state = hashlib.sha256()
        found = parse_sums(_lines(source, state.update))
        if state.hexdigest() != report.index.sums:
            raise DigestMismatch(f"{SUMS} is not the one that {INDEX} was written with")
    except StorageError:
        raise
    except HanseError as error:
        report.fail("index", error.message)
        return {}
    return found


def _lines(source: ExportSource, seen: Callable[[bytes], object]) -> Iterator[str]:
    rest = b""
    for piece in pieces(source, SUMS):
        seen(piece)
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line.decode("ascii", "replace")
    if rest:
        yield rest.decode("ascii", "replace")


def _compare(source: ExportSource, report: ExportReport, digests: dict[StaticPath, Sha256]) -> None:
    """Compare the files that are there with those that are listed."""
    there = source.sizes.keys() - {INDEX, SUMS}
    for path in sorted(digests.keys() - there):
        report.fail("files", f"{path} is absent")
    for path in sorted(there - digests.keys()):
        report.fail("files", f"{path} does not belong to the export")
    size = sum(source.sizes[path] for path in there)
    if (len(there), size) != (report.index.files, report.index.size):
        says = f"{len(there):,} files with {size:,} bytes are there"
        report.fail("files", f"{says}, {INDEX} says {report.index.files:,} with {report.index.size:,}")


def _revision(
    source: ExportSource,
    report: ExportReport,
    verifying: Verifying,
    repo: ExportedRepo,
    rev: GitOid,
    *,
    tables: dict[XetHash, XorbTable],
    seen: set[XetHash],
) -> None:
    named = f"{repo.repo} {rev[:12]}"
    try:
        found = verified(source, verifying, repo, rev)
        listed = name_files(small(source, repo.listing(rev), MAX_LISTING_BYTES), rev, found.files)
    except StorageError:
        raise
    except PolicyError as error:
        for rule in error.failed or (error.message,):  # a line for each: some are long
            report.fail(named, f"policy {verifying.policy.policy.name!r} refuses: {rule}")
        return
    except HanseError as error:
        report.fail(named, error.message)
        return
    failed = len(report.failed) + report.more
    for file in found.files:
        if file.size and file.xet is not None and file.xet not in seen:
            seen.add(file.xet)
            _bytes(source, report, file, named, tables=tables)
    if len(report.failed) + report.more == failed:
        report.revisions.append(TrueRevision(found, listed.proved))


def verified(source: ExportSource, verifying: Verifying, repo: ExportedRepo, rev: GitOid, ref: str = "") -> VerifiedRevision:
    """Return what the evidence of a revision shows, and remember it; ref: the position of this ref is to be shown, too.

    Raises as `verify_evidence`; BlobNotFound if it is not there, BadProof if the evidence is about another revision.
    """
    data = small(source, repo.evidence(rev), MAX_EVIDENCE_BYTES)
    question = Question(repo.repo.path, repo.repo.type, ref or rev, repo.repo.origin)
    found = verify_evidence(parse_evidence(data), FileLog(source), question, verifying)
    if found.rev != rev:
        raise BadProof(f"the evidence says that {ref} points at {found.rev[:12]}, not at {rev[:12]}")
    keep(verifying.home, found, verifying.now)
    return found


def _bytes(
    source: ExportSource, report: ExportReport, file: ManifestFile, named: str, *, tables: dict[XetHash, XorbTable]
) -> None:
    """Compare the chunks that a file's terms lead to with those that its signed hash is made of."""
    size, xet = file.size or 0, parse_xet(str(file.xet))
    try:
        chunks = small(source, chunks_path(xet), chunk_list_limit(size))
        if file_hash_of_chunk_list(chunks) != (xet, size):
            raise DigestMismatch("its chunk list does not make up its Xet hash and size")
        terms = parse_static(small(source, reconstruction_path(xet), static_limit(size)), size)
        if b"".join(_chunks(term, tables) for term in terms) != chunks:
            raise DigestMismatch("its terms lead to other chunks than it has")
    except StorageError:
        raise
    except HanseError as error:
        report.fail(named, f"{file.path[:200]!r}: {error.message}")


def _chunks(term: StaticTerm, tables: dict[XetHash, XorbTable]) -> bytes:
    """Return the chunk list of what a term names; raises DigestMismatch if the xorb is not there or has them elsewhere."""
    table, end = tables.get(term.xorb), term.first + len(term.raw)
    if table is None:
        raise DigestMismatch(f"xorb {term.xorb[:16]} is not there as it should be")
    table.check_range(term.first, end)
    start, stop = table.stored_range(term.first, end)
    if (start, stop) != (term.at, term.at + sum(term.stored)):
        raise DigestMismatch(f"its terms name other bytes of xorb {term.xorb[:16]} than those chunks have")
    return table.chunk_list(term.first, end)


def _logs(source: ExportSource, report: ExportReport, verifying: Verifying) -> None:
    """Replay every log of the export; the first is that of the node that made it."""
    for number, log in enumerate(exported_logs(source)):
        named = "the log" if number else f"log {report.index.origin}"
        try:
            opened = open_read_log(log, log.checkpoint(), verifying.home, verifying.now)
            named = f"log {opened.origin}"
            if not number and opened.origin != report.index.origin:
                raise BadProof(f"{INDEX} says that {report.index.origin} made the export")
            found = check_whole_log(opened, verifying.home, verifying.now)
            report.logs[opened.origin] = opened.size
            report.notices += [f"alarm in the {named}: {one}" for one in found.alarms]
        except StorageError:
            raise
        except RolledBack as error:
            report.notices.append(f"{error.message}: the export is older than that, and that log was not replayed")
        except HanseError as error:
            report.fail(named, error.message)
