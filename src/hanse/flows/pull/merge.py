"""Putting together what several nodes show about one question, before anything of it is verified.

Of each log the longest checkpoint counts; who shows an older one is not believed about that log. Where that one has too few
cosignatures, another order may count (`most_cosigned`). Files that show the same checkpoint are one: leaves, cosignatures and map
proofs of all of them. Statements, salts, lists of advisories and times of scans of all files are taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import zip_longest

from hanse.errors import HanseError
from hanse.model.evidence import LogEvidence, UnverifiedEvidence, encode_evidence, parse_evidence
from hanse.model.repo import Origin
from hanse.model.scan_times import MAX_TIMES_LINES, ScanTimes
from hanse.tlog.checkpoint import parse_checkpoint
from hanse.tlog.cosignature import verify_cosignatures
from hanse.tlog.note import NoteKey, parse_note

Rank = tuple[int, ...]
"""How far a checkpoint of a log goes before others that are shown: the largest counts."""


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


def longest(log: LogEvidence) -> Rank:
    """Return the size of the checkpoint that is shown of a log, as it claims."""
    return (_size(log),)


def most_cosigned(keys: Iterable[NoteKey], since: int) -> Callable[[LogEvidence], Rank]:
    """Return the order of checkpoints by how many of these cosigned them since a time, then by size."""
    known = tuple(dict.fromkeys(keys))

    def rank(log: LogEvidence) -> Rank:
        return sum(_cosigned(log, key) >= since for key in known), _size(log)

    return rank


def _cosigned(log: LogEvidence, key: NoteKey) -> int:
    """Return when a key cosigned what is shown of a log, -1 if it did not."""
    with suppress(HanseError):
        note = parse_note(log.checkpoint)
        return max((one.time for one in verify_cosignatures(parse_checkpoint(note).claimed, note.signatures, [key])), default=-1)
    return -1


def merge(shown: Sequence[Shown], rank: Callable[[LogEvidence], Rank] = longest) -> Merged:
    """Return everything that these nodes show, files that do not parse left out; raises BadFormat if there is none left.

    rank: which checkpoint of a log counts where they show several.
    """
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
    logs, older, apart = _logs(parsed, rank)
    bundles = dict.fromkeys(bundle for _, evidence in parsed for bundle in evidence.bundles)
    salts = dict.fromkeys(salt for _, evidence in parsed for salt in evidence.salts)
    maps = dict.fromkeys(
        one for node, evidence in parsed for one in evidence.maps if (node, one.origin) not in apart and one.origin in logs
    )
    lists = dict.fromkeys(
        one for node, evidence in parsed for one in evidence.advisories if (node, one.origin) not in apart and one.origin in logs
    )
    data = encode_evidence(bundles, logs.values(), maps, salts, lists, times=_times(parsed))
    return Merged(parse_evidence(data), data, false, tuple(older))


def _times(parsed: Iterable[tuple[str, UnverifiedEvidence]]) -> list[ScanTimes]:
    """Return the times of scans, as many as one file holds: of each node in turn, so that none crowds out the others."""
    rows = zip_longest(*(evidence.times for _, evidence in parsed))
    return list(dict.fromkeys(one for row in rows for one in row if one is not None))[:MAX_TIMES_LINES]


def _logs(
    parsed: Iterable[tuple[str, UnverifiedEvidence]], rank: Callable[[LogEvidence], Rank]
) -> tuple[dict[Origin, LogEvidence], list[tuple[str, Origin]], set[tuple[str, Origin]]]:
    """Return each log at the first checkpoint by rank, who shows an older one, and who shows another one."""
    found: dict[Origin, list[tuple[str, LogEvidence]]] = {}
    for node, evidence in parsed:
        for log in evidence.logs:
            found.setdefault(log.origin, []).append((node, log))
    logs: dict[Origin, LogEvidence] = {}
    older: list[tuple[str, Origin]] = []
    apart: set[tuple[str, Origin]] = set()
    for origin, shown in found.items():
        size = _size(shown[0][1] if len(shown) == 1 else max((log for _, log in shown), key=rank))
        logs[origin] = _joined([log for _, log in shown if _size(log) == size])
        older += [(node, origin) for node, log in shown if _size(log) < size]
        apart |= {(node, origin) for node, log in shown if _size(log) != size}
    return logs, older, apart


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
