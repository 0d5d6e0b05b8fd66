"""The cases: what the origin does wrong in each, and how it is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hanse.conform.faults import Fault


class Look(Enum):
    """How a case is looked at."""

    FILE = "file"  # a file is downloaded while the origin is hostile, and again when it is honest
    LISTING = "listing"  # info and tree are asked for
    STATE = "state"  # `main` is asked for before and after
    XET = "xet"  # the Xet hashes that are passed on are compared with the true ones
    GONE = "gone"  # a file is downloaded, the origin goes away, it is downloaded again


MIB = 1024 * 1024
_RESUMED = 40 * MIB
"""Stock clients write pieces of 10 MiB; only a file of several of them is resumed."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case.

    name: as in the report; says: what the origin does, for people; seen: the subject has looked at the repository while the
    origin was honest; also: a fault that is on for one request more, so that the one of the case is met; times: for how many
    requests the fault is on (None: all); size: bytes of the file.
    """

    name: str
    fault: Fault | None
    says: str
    look: Look = Look.FILE
    seen: bool = False
    also: Fault | None = None
    times: int | None = None
    size: int = 3 * MIB


CASES = (
    Case("wrong-bytes", Fault.WRONG_BYTES, "one altered byte, the right ETag"),
    Case("reframed-chunks", Fault.REFRAMED, "altered bytes in well-formed chunks, with a chunk list of the altered bytes"),
    Case("wrong-chunk-list", Fault.CHUNK_LIST, "right bytes, a chunk list of something else"),
    Case("abort-then-resume", Fault.ABORT_RESUME, "altered bytes, cut half-way; right bytes to whoever resumes", size=_RESUMED),
    Case("second-claims", Fault.FALSE_CLAIMS, "other bytes and digests for a commit already seen", seen=True),
    Case("wrong-revision", Fault.WRONG_REVISION, "bytes and digests of another revision", seen=True),
    Case("poisoned-xet", Fault.SWAPPED_XET, "another file's Xet hash in the tree, which poisons stores shared by it", Look.XET),
    Case("old-state", Fault.OLD_STATE, "main leads to an older revision than before", Look.STATE),
    Case("hidden-newer", Fault.HIDDEN_NEWER, "the newest revision is as if it had never been", Look.STATE),
    Case("truncated", Fault.TRUNCATED, "the body ends before its stated length", times=1),
    Case("short", Fault.SHORT, "header and body agree on too few bytes"),
    Case("long", Fault.LONG, "header and body agree on too many bytes"),
    Case("tree-size", Fault.TREE_SIZE, "the tree says another size"),
    Case("full-for-range", Fault.FULL_FOR_RANGE, "200 and the whole file for a range", also=Fault.TRUNCATED, size=_RESUMED),
    Case("shifted-range", Fault.SHIFTED_RANGE, "206 as asked, with other bytes", also=Fault.TRUNCATED, size=_RESUMED),
    Case("other-range", Fault.OTHER_RANGE, "206 with another range", also=Fault.TRUNCATED, size=_RESUMED),
    Case("redirect-internal", Fault.REDIRECT, "files are redirected to an internal address"),
    Case("redirect-loop", Fault.REDIRECT_LOOP, "files are redirected in circles"),
    Case("huge-json", Fault.HUGE_JSON, "info and tree are gigabytes", Look.LISTING),
    Case("deep-json", Fault.DEEP_JSON, "info and tree are 100,000 arrays deep", Look.LISTING),
    Case("not-json", Fault.NOT_JSON, "info and tree are a web page", Look.LISTING),
    Case("endless-pages", Fault.ENDLESS_PAGES, "the tree always has one more page", Look.LISTING),
    Case("foreign-pages", Fault.FOREIGN_PAGES, "the next page of the tree is at an internal address", Look.LISTING),
    Case("bad-paths", Fault.BAD_PATHS, "the tree names ../../evil.txt and the like", Look.LISTING),
    Case("huge-headers", Fault.HUGE_HEADERS, "a header of a mebibyte"),
    Case("two-lengths", Fault.TWO_LENGTHS, "two lengths that differ"),
    Case("zipped", Fault.ZIPPED, "gzip that nobody asked for, of a body that grows a thousandfold"),
    Case("clock-skew", Fault.CLOCK_SKEW, "every date is in 2099"),
    Case("rate-limit", Fault.RATE_LIMIT, "429 with Retry-After: 1, three times", times=3),
    Case("error", Fault.ERROR, "500"),
    Case("refused", Fault.REFUSED, "403 for files"),
    Case("missing", Fault.MISSING, "404 for files that the tree names"),
    Case("reset", Fault.RESET, "connections closed without an answer"),
    Case("gone", None, "the origin is gone after a file was served", Look.GONE),
    Case("endless", Fault.ENDLESS, "a body without end"),
    Case("slow", Fault.SLOW, "a byte now and then"),
    Case("stall", Fault.STALL, "headers, then nothing"),
    Case("drip-headers", Fault.DRIP_HEADERS, "a header that comes byte by byte"),
)
