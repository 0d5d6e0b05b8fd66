"""Putting together what several nodes show about one question, before anything of it is verified.

Of each log the longest checkpoint counts; who shows an older one is not believed about that log. Files that show the same
checkpoint are one: leaves, cosignatures and map proofs of all of them. Statements, salts, lists of advisories and times of scans
of all files are taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import zip_longest

from hanse.errors import HanseError
from hanse.model.evidence import LogEvidence, UnverifiedEvidence, encode_evidence, parse_evidence
from hanse.model.repo import Origin
from hanse.model.scan_times import MAX_TIMES_LINES, ScanTimes
from hanse.tlog.checkpoint import parse_checkpoint
from hanse.tlog.note import parse_note


@dataclass(frozen=True, slots=True)
class Shown:
    """The evidence that a node shows. Raises BadFormat or TooLarge when it does not parse."""

    node: str
    data: bytes

    @property
    def evidence(self) -> UnverifiedEvidence:
        """The parsed file."""
        return parse_evidence(self.data)


@dataclass(frozen=True, slots=True)
class Merged:
    """What all show together. false: node -> why it was left out; older: (node, origin) that show a log at an older state."""

    evidence: UnverifiedEvidence
    data: bytes
    false: Mapping[str, str]
    older: tuple[tuple[str, Origin], ...]


def merge(shown: Sequence[Shown]) -> Merged:
    """Return everything that these nodes show, files that do not parse left out; raises BadFormat if there is none left."""
    false: dict[str, str] = {}
    parsed: list[tuple[str, UnverifiedEvidence]] = []
    last: HanseError | None = None
    for one in shown:
        try:
            parsed.append((one.node, one.evidence))
        except HanseError as error:
            false[one.node], last = error.message, error
    if last is not None and not parsed:
        raise last
    if len(parsed) == 1:
        node, evidence = parsed[0]
        data = next(one.data for one in shown if one.node == node)
        return Merged(evidence, data, false, ())
    logs, older = _logs(parsed)
    bundles = dict.fromkeys(bundle for _, evidence in parsed for bundle in evidence.bundles)
    salts = dict.fromkeys(salt for _, evidence in parsed for salt in evidence.salts)
    stale = set(older)
    maps = dict.fromkeys(
        one for node, evidence in parsed for one in evidence.maps if (node, one.origin) not in stale and one.origin in logs
    )
    lists = dict.fromkeys(
        one for node, evidence in parsed for one in evidence.advisories if (node, one.origin) not in stale and one.origin in logs
    )
    data = encode_evidence(bundles, logs.values(), maps, salts, lists, times=_times(parsed))
    return Merged(parse_evidence(data), data, false, tuple(older))


def _times(parsed: Iterable[tuple[str, UnverifiedEvidence]]) -> list[ScanTimes]:
    """Return the times of scans, as many as one file holds: of each node in turn, so that none crowds out the others."""
    rows = zip_longest(*(evidence.times for _, evidence in parsed))
    return list(dict.fromkeys(one for row in rows for one in row if one is not None))[:MAX_TIMES_LINES]


def _logs(parsed: Iterable[tuple[str, UnverifiedEvidence]]) -> tuple[dict[Origin, LogEvidence], list[tuple[str, Origin]]]:
    """Return each log at the longest checkpoint shown, and who shows an older one."""
    found: dict[Origin, list[tuple[str, LogEvidence]]] = {}
    for node, evidence in parsed:
        for log in evidence.logs:
            found.setdefault(log.origin, []).append((node, log))
    logs: dict[Origin, LogEvidence] = {}
    older: list[tuple[str, Origin]] = []
    for origin, shown in found.items():
        newest = max(_size(log) for _, log in shown)
        same = [log for _, log in shown if _size(log) == newest]
        logs[origin] = _joined(same)
        older += [(node, origin) for node, log in shown if _size(log) != newest]
    return logs, older


def _joined(same: Sequence[LogEvidence]) -> LogEvidence:
    """Return one log of those that show it at one size.

    Where their texts differ, as they do when a log shows two readers different contents, the first one is kept: it is verified
    against what was seen before, and the other node's leaves then fail or are left out.
    """
    first = same[0]
    text, _, signatures = first.checkpoint.rpartition(b"\n\n")
    lines = dict.fromkeys(signatures.splitlines())
    leaves = {one.index: one for one in first.leaves}
    for other in same[1:]:
        body, _, more = other.checkpoint.rpartition(b"\n\n")
        if body == text:
            lines |= dict.fromkeys(more.splitlines())
            leaves = {one.index: one for one in other.leaves} | leaves
    checkpoint = text + b"\n\n" + b"".join(line + b"\n" for line in lines)
    return replace(first, checkpoint=checkpoint, leaves=tuple(leaves[index] for index in sorted(leaves)))


def _size(log: LogEvidence) -> int:
    with suppress(HanseError):
        return parse_checkpoint(parse_note(log.checkpoint)).claimed.size
    return -1


def split_views(shown: Sequence[Shown]) -> tuple[tuple[Origin, bytes, bytes], ...]:
    """Return pairs of checkpoints of one size that are not of one log: (origin, one, other). Unverified."""
    seen: dict[tuple[Origin, int], LogEvidence] = {}
    found = []
    for one in shown:
        with suppress(HanseError):
            for log in one.evidence.logs:
                other = seen.setdefault((log.origin, _size(log)), log)
                if other.checkpoint.rpartition(b"\n\n")[0] != log.checkpoint.rpartition(b"\n\n")[0]:
                    found.append((log.origin, other.checkpoint, log.checkpoint))
    return tuple(found)
