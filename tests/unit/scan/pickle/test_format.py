"""Pickle as a format."""

from __future__ import annotations

from tests.samples.pickle import SYSTEM, stream

from hanse.scan.pickle.format import FORMATS, claims
from hanse.scan.source import BytesSource


def claimed(data: bytes) -> bool:
    """Tell whether `data` is claimed."""
    return claims(data[:4096], BytesSource(data))


def test_what_is_claimed() -> None:
    """Streams are, text and random bytes are not, streams behind bytes are."""
    assert claimed(stream(SYSTEM))
    assert not claimed(b"# text\n" * 100)
    assert not claimed(bytes(range(1, 256)) * 100)
    assert claimed(bytes(range(1, 120)) + b"\xfe" * 1000 + stream(SYSTEM))


def test_places_without_end_are_claimed() -> None:
    """A file of beginnings cannot be cleared, so it is claimed and inconclusive."""
    assert claimed(b"\xfe" + b"\x80\x04\x8c" * 5000)


def test_the_format_executes() -> None:
    """What is not read of a pickle is not safe."""
    assert [one.executes for one in FORMATS] == [True]
