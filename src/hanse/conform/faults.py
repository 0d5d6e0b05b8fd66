"""What a hostile origin can do wrong, and the switches for it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase


class Fault(str, Enum):
    """One thing that an origin does wrong. The comment says what everybody who asks gets to see."""

    WRONG_BYTES = "wrong-bytes"  # right headers and ETag, one byte altered
    REFRAMED = "reframed-chunks"  # altered bytes, and a well-formed chunk list of the altered bytes
    CHUNK_LIST = "chunk-list"  # right bytes, and a chunk list of something else
    FALSE_CLAIMS = "false-claims"  # altered bytes; tree, HEAD, ETag and chunk list say the digests of the altered bytes
    ABORT_RESUME = "abort-then-resume"  # a request from the start gets wrong bytes and is cut; a resumed one gets right bytes
    WRONG_REVISION = "wrong-revision"  # bytes and digests of the first revision under the name of the newest
    SWAPPED_XET = "swapped-xet"  # the tree says another file's Xet hash, which poisons a store shared by Xet hash
    OLD_STATE = "old-state"  # every ref leads to the first revision; newer ones are still given by name
    HIDDEN_NEWER = "hidden-newer"  # the newest revision is as if it had never been
    TRUNCATED = "truncated"  # the body ends before the length that its header says
    SHORT = "short"  # header and body agree on fewer bytes than the file has
    LONG = "long"  # header and body agree on more bytes than the file has
    TREE_SIZE = "tree-size"  # the tree says another size
    FULL_FOR_RANGE = "full-for-range"  # 200 with the whole file where a range was asked for
    SHIFTED_RANGE = "shifted-range"  # 206 as asked, with the bytes before it
    OTHER_RANGE = "other-range"  # 206 with another range than was asked for, honestly named
    ENDLESS = "endless"  # a body without length that does not end
    SLOW = "slow"  # a byte now and then
    STALL = "stall"  # headers, then nothing
    DRIP_HEADERS = "drip-headers"  # the header comes byte by byte
    REDIRECT = "redirect"  # file requests are sent to `target`
    REDIRECT_LOOP = "redirect-loop"  # file requests are sent in circles
    HUGE_JSON = "huge-json"  # info and tree are gigabytes
    DEEP_JSON = "deep-json"  # info and tree are arrays in arrays, 100,000 deep
    NOT_JSON = "not-json"  # info and tree are a web page
    ENDLESS_PAGES = "endless-pages"  # the tree always has one more page
    FOREIGN_PAGES = "foreign-pages"  # the next page of the tree is on `target`
    BAD_PATHS = "bad-paths"  # the tree names ../../evil, /etc/evil and the like
    HUGE_HEADERS = "huge-headers"  # a header of one mebibyte
    TWO_LENGTHS = "two-lengths"  # two Content-Length headers that differ
    ZIPPED = "zipped"  # Content-Encoding: gzip, unasked, of a body that unpacks to gigabytes
    CLOCK_SKEW = "clock-skew"  # every date is in the year 2099
    RATE_LIMIT = "rate-limit"  # 429 and `retry_after` seconds
    ERROR = "error"  # 500
    REFUSED = "refused"  # 403 for files
    MISSING = "missing"  # 404 for files that the tree names
    RESET = "reset"  # the connection is closed without an answer


@dataclass(frozen=True, slots=True)
class Switch:
    """One fault that is on: for paths of files that match `path`, for `times` more requests (None: always)."""

    fault: Fault
    path: str = "*"
    times: int | None = None


class Faults:
    """The faults that are on. Safe for threads.

    target: where redirects lead; retry_after: what 429 says, seconds.
    """

    def __init__(self, *faults: Fault) -> None:
        self._lock = threading.Lock()
        self._on: list[Switch] = [Switch(fault) for fault in faults]
        self.target = "http://169.254.169.254/latest/meta-data/"
        self.retry_after = 1
        self.hits: dict[Fault, int] = {}

    def set(self, fault: Fault, *, path: str = "*", times: int | None = None) -> None:
        """Switch a fault on: for files whose path matches the glob `path`, for so many requests (None: until `clear`)."""
        with self._lock:
            self._on = [switch for switch in self._on if (switch.fault, switch.path) != (fault, path)]
            self._on.append(Switch(fault, path, times))

    def clear(self, fault: Fault | None = None) -> None:
        """Switch a fault off, or all."""
        with self._lock:
            self._on = [switch for switch in self._on if fault is not None and switch.fault is not fault]

    def take(self, fault: Fault, path: str = "") -> bool:
        """Tell whether a request for `path` meets the fault, and count it."""
        with self._lock:
            for at, switch in enumerate(self._on):
                if switch.fault is fault and fnmatchcase(path, switch.path):
                    self.hits[fault] = self.hits.get(fault, 0) + 1
                    if switch.times is not None:
                        left = switch.times - 1
                        self._on[at : at + 1] = [Switch(fault, switch.path, left)] if left else []
                    return True
        return False
