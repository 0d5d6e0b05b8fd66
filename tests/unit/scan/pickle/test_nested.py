"""Constants that are pickles themselves."""

from __future__ import annotations

from tests.samples.pickle import SAFE, SYSTEM, binary, called, stream, text
from tests.support.pickles import calls, seen

from hanse.scan.pickle.nested import is_container, starts_stream


def test_bytes_are_followed() -> None:
    """Bytes that are a stream are read as a member, with what gets them."""
    data = stream(called("pickle", "loads", binary(stream(SYSTEM))), 3)
    ((nested,),) = [seen(data, "nested")]
    assert nested["how"] == "pickle loads"
    assert calls(data, "pickle@17") == ["posix system"]


def test_unused_bytes_are_followed() -> None:
    """A stream in bytes that nobody loads in this file is seen all the same."""
    assert seen(stream(binary(stream(SYSTEM)) + SAFE, 3), "nested")[0]["how"] == ""


def test_texts_are_followed_where_they_are_used() -> None:
    """A text is a pickle of protocol 0 only for what gets it."""
    inner = "cposix\nsystem\n(S'echo hanse-test'\ntR."
    assert len(seen(stream(called("m", "f", text(inner))), "nested")) == 1
    assert seen(stream(text(inner)), "nested") == []


def test_random_bytes_are_no_stream() -> None:
    """Two bytes that look like PROTO are not enough."""
    assert seen(stream(binary(b"\x80\x04\xff\xfe\xfd") + SAFE, 3), "nested") == []


def test_heads() -> None:
    """Streams, and formats that may hold one, are told by their first bytes."""
    assert starts_stream(b"\x80\x04.")
    assert starts_stream(b"(dcos\nsystem\n")
    assert not starts_stream(b"cat and dog\n")
    assert is_container(b"PK\x03\x04")
    assert not is_container(b"text")
