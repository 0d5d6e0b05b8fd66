"""The inert parts of TensorFlow models are known."""

from __future__ import annotations

from tests.samples.wire import field
from tests.support.judging import judged

from hanse.model.finding import Verdict
from hanse.scan.source import BytesSource
from hanse.scan.tfcheckpoint import TABLE_MAGIC, claims_fingerprint

PRINT = b"".join(field(number, 1 << 60) for number in range(1, 6)) + field(6, field(1, 1)) + field(7, "123")


def test_an_index_is_safe() -> None:
    """The index of a checkpoint is told by its end."""
    assert judged(bytes(60) + TABLE_MAGIC, "variables/variables.index").verdict is Verdict.SAFE
    assert judged(bytes(60) + TABLE_MAGIC[:7], "variables/variables.index").verdict is Verdict.CAUTION


def test_a_fingerprint_is_safe() -> None:
    """A fingerprint has its numbers once each and nothing more."""
    assert judged(PRINT, "fingerprint.pb").verdict is Verdict.SAFE
    for other in (PRINT + field(1, 1), PRINT[:-1], PRINT + field(9, "x"), field(1, 1) * 30, b"\x08" * 40):
        assert not claims_fingerprint(other, BytesSource(other))
