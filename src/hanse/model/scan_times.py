"""Times at which others came to what a shown statement of a scan says: theirs read like it, but for the time.

Members who scan the same files by the same rules come to the same verdict, at different times. One of their statements is shown
in full; the others are it with another time, and the leaves of their logs have digest and signature. Nothing here is trusted: a
time that makes none of the statements that the leaves list says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from hanse.errors import BadFormat, TooLarge
from hanse.model.canonical import canonical, parse_canonical
from hanse.model.digest import Sha256, parse_sha256

TIMES_TYPE = "application/vnd.hanse.scan-times.v1+json"
MAX_TIMES = 16
"""Times of one line: one file shows no more logs of others."""
MAX_TIMES_LINES = 16
MAX_SCAN_TIME = 253_402_300_799
"""The last second of the year 9999."""
_MAX_BYTES = 4096
_FIELDS = frozenset({"mediaType", "payload", "times"})


@dataclass(frozen=True, slots=True)
class ScanTimes:
    """Other times of a statement. payload: its SHA-256; times: seconds since 1970, ascending."""

    payload: Sha256
    times: tuple[int, ...]


def parse_times(line: bytes) -> ScanTimes:
    """Return what a line of an evidence file says of a scan's other times; raises BadFormat, BadDigest or TooLarge."""
    fields = parse_canonical(line, "the times of a scan", _MAX_BYTES)
    if fields.keys() != _FIELDS or type(fields["payload"]) is not str or type(fields["times"]) is not list:
        raise BadFormat(f"the times of a scan have exactly the fields {sorted(_FIELDS)}")
    times = fields["times"]
    if not 1 <= len(times) <= MAX_TIMES:
        raise TooLarge(f"a scan has 1 to {MAX_TIMES} other times in one line, got {len(times)}")
    if any(type(one) is not int or not 0 <= one <= MAX_SCAN_TIME for one in times):
        raise BadFormat(f"the time of a scan is an integer from 0 to {MAX_SCAN_TIME}")
    if any(one >= other for one, other in pairwise(times)):
        raise BadFormat("the times of a scan are ascending, each once")
    return ScanTimes(parse_sha256(fields["payload"]), tuple(times))


def encode_times(one: ScanTimes) -> bytes:
    """Return the line of an evidence file."""
    return canonical({"mediaType": TIMES_TYPE, "payload": one.payload, "times": list(one.times)})
