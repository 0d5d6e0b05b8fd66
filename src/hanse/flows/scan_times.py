"""Scans of several members that differ in nothing but their times: one is shown in full, of the others the times (`ScanTimes`).

The leaf of each has the digest and the signature of its statement. From the statement that is shown, with the other's time in
place of its own, the reader makes what the leaf lists.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from hanse.errors import HanseError
from hanse.model.digest import Sha256
from hanse.model.scan_times import MAX_TIMES, MAX_TIMES_LINES, ScanTimes
from hanse.sign.bundle import parse_bundle_json
from hanse.sign.statement import scan_time, scanned_at


def shorten(own: Iterable[bytes], others: Iterable[bytes]) -> tuple[list[bytes], list[ScanTimes]]:
    """Return what of the others' bundles is to be shown beside `own`, and the times of those that are left out.

    others: bundles in clear, each with its leaf and key shown; `own` are shown all.
    """
    first: dict[bytes, Sha256] = {}
    times: dict[Sha256, set[int]] = {}
    for data in own:
        _scan(data, first)
    kept = []
    for data in others:
        known = _scan(data, first)
        room = known is not None and len(times.get(known[0], ())) < MAX_TIMES and len({*times, known[0]}) <= MAX_TIMES_LINES
        if known is None or not room:
            kept.append(data)
        else:
            times.setdefault(known[0], set()).add(known[1])
    return kept, [ScanTimes(payload, tuple(sorted(found))) for payload, found in times.items()]


def _scan(data: bytes, first: dict[bytes, Sha256]) -> tuple[Sha256, int] | None:
    """Return which statement a scan reads like, and its own time; None for the first such, and for what is no scan."""
    try:
        payload = parse_bundle_json(data).envelope.payload
        alike = scanned_at(payload, 0)
        if alike in first:
            return first[alike], scan_time(payload)
        first[alike] = Sha256(hashlib.sha256(payload).hexdigest())
    except HanseError:
        return None
    return None


def payloads_at(payloads: Mapping[Sha256, bytes], times: Iterable[ScanTimes]) -> dict[Sha256, bytes]:
    """Return the statements that others' times make of those that are shown, by digest; payloads: the shown ones, by digest.

    Nothing of it is verified; times of what is not shown, or is no scan, make nothing.
    """
    found = {}
    for one in times:
        for time in one.times if one.payload in payloads else ():
            try:
                payload = scanned_at(payloads[one.payload], time)
            except HanseError:
                break
            found[Sha256(hashlib.sha256(payload).hexdigest())] = payload
    return found
