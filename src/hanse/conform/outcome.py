"""What came of a request, and what is to be thought of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from hanse.conform.repos import Content


class Verdict(str, Enum):
    """What is to be thought of a subject in one case. The comment is what the report says."""

    RIGHT = "right bytes"  # what was asked for came, or nothing false did and the right bytes came afterwards
    REFUSED = "refused"  # an error and no false byte; right bytes once the origin was honest again
    FALSE = "FALSE BYTES"  # false bytes were passed on as the whole file
    LEAKED = "FALSE BYTES, CUT"  # false bytes were passed on before an error; clients that resume keep them
    KEPT = "FALSE BYTES KEPT"  # false bytes came after the origin was honest again
    SILENT = "OLD STATE"  # an older state was passed on without a word
    PASSED_ON = "PASSED ON"  # what is dangerous or false in metadata reached the client
    INTERNAL = "INTERNAL ADDRESS"  # an internal address was reached, or the client sent there
    EXHAUSTED = "EXHAUSTED"  # over a gibibyte of memory was used
    HUNG = "hung"  # no end within the patience
    LOST = "not served"  # right bytes did not come after the origin was honest again
    NOT_HELD = "not held"  # what had been served before did not come while the origin was gone

    @property
    def ok(self) -> bool:
        """Whether the subject did all that can be asked of it."""
        return self in {Verdict.RIGHT, Verdict.REFUSED}

    @property
    def unsafe(self) -> bool:
        """Whether something false or dangerous reached the user."""
        return not self.ok and self not in {Verdict.HUNG, Verdict.LOST, Verdict.NOT_HELD}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one request or command.

    status: HTTP status, 0 if there was none; of a command 200 for success and 500 for failure. size: bytes that came. complete:
    the subject said that this is all. false_at: where the first byte is that is not the truth. peak: bytes of memory of a
    command, 0 if not known. text: what was said, for people.
    """

    status: int
    size: int = 0
    complete: bool = False
    false_at: int | None = None
    hung: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    peak: int = 0
    text: str = ""

    @property
    def right(self) -> bool:
        """Whether all the right bytes came."""
        return self.status < 300 and self.complete and self.false_at is None


_SLACK = 1024 * 1024


class Comparison:
    """Compares bytes as they come with what they should be, and remembers where the first false one is."""

    def __init__(self, truth: Content) -> None:
        self._truth = truth
        self.size = 0
        self.false_at: int | None = None

    def feed(self, piece: bytes) -> None:
        """Take in the next bytes."""
        start, self.size = self.size, self.size + len(piece)
        if self.false_at is not None:
            return
        expected = b"".join(self._truth.read(start, min(self.size, self._truth.size)))
        if piece == expected:
            return
        same = next((at for at, (one, two) in enumerate(zip(piece, expected, strict=False)) if one != two), len(expected))
        self.false_at = start + same

    @property
    def endless(self) -> bool:
        """Whether over a mebibyte more came than there is."""
        return self.size > self._truth.size + _SLACK

    @property
    def whole(self) -> bool:
        """Whether as many bytes came as there are."""
        return self.size == self._truth.size


def judge_file(first: Outcome, later: Outcome) -> Verdict:
    """Return the verdict on a file: as it came while the origin was hostile, and afterwards."""
    if first.false_at is not None:
        return Verdict.FALSE if first.complete else Verdict.LEAKED
    if later.false_at is not None:
        return Verdict.KEPT
    if first.peak > 1 << 30:
        return Verdict.EXHAUSTED
    if first.hung:
        return Verdict.HUNG
    if not later.right:
        return Verdict.LOST
    return Verdict.RIGHT if first.right else Verdict.REFUSED
