"""Other times of a scan in evidence files: exactly their form, and bounds."""

from __future__ import annotations

import pytest

from hanse.errors import BadFormat, HanseError, TooLarge
from hanse.model.digest import Sha256
from hanse.model.evidence import encode_evidence, parse_evidence
from hanse.model.scan_times import MAX_SCAN_TIME, MAX_TIMES_LINES, ScanTimes, encode_times, parse_times

ONE = ScanTimes(Sha256("ab" * 32), (0, 7, MAX_SCAN_TIME))


def test_it_comes_back() -> None:
    """Times are read as they were written, alone and in an evidence file."""
    assert parse_times(encode_times(ONE)) == ONE
    assert parse_evidence(encode_evidence([], [], [], times=[ONE])).times == (ONE,)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"[0,7,", b"[7,7,"),
        (b"[0,7,", b"[-1,7,"),
        (b"[0,7,", b"[false,7,"),
        (b"[0,7,", b'["0",7,'),
        (b"402300799", b"402300800"),
        (b'"times":[', b'"times":[],"x":['),
        (b'"payload":"ab', b'"payload":"AB'),
        (b'"payload":"' + b"ab" * 32 + b'"', b'"payload":7'),
    ],
)
def test_another_form(old: bytes, new: bytes) -> None:
    """What is not exactly that is refused."""
    line = encode_times(ONE)
    assert old in line
    with pytest.raises(HanseError):
        parse_times(line.replace(old, new))


def test_bounds() -> None:
    """Neither no time, nor too many, nor too many lines are read."""
    for times in ((), tuple(range(17))):
        with pytest.raises(TooLarge):
            parse_times(encode_times(ScanTimes(ONE.payload, times)))
    with pytest.raises(TooLarge):
        encode_evidence([], [], [], times=[ONE] * (MAX_TIMES_LINES + 1))
    with pytest.raises((BadFormat, TooLarge)):
        parse_times(b" " * 5000)
