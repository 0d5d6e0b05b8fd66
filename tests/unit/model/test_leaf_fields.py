"""Single fields of leaves: times, base64, ref names, and the bound on written leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.support.leaves import REF

from hanse.errors import BadFormat, HanseError, TooLarge
from hanse.model.leaf_fields import (
    MAX_BASE64,
    MAX_OWN_LEAF_BYTES,
    check_ref,
    check_seq,
    format_time,
    leaf_bytes,
    parse_base64,
    parse_time,
    utf8,
)
from hanse.model.repo import RefName


@pytest.mark.parametrize("time", [0, 1795334604, 253_402_300_799])
def test_times_round_trip(time: int) -> None:
    """A second of the years 1970 to 9999 has one text."""
    assert parse_time(format_time(time)) == time


@pytest.mark.parametrize("text", ["", "AA=", "AB==", "A===", "AA==\n", " AA==", "A-A=", "A" * (MAX_BASE64 + 4)])
def test_base64_has_one_form(text: str) -> None:
    """Missing padding, spare bits, white space, the URL alphabet, nothing, and too much are refused."""
    with pytest.raises(HanseError):
        parse_base64(text, "sig")


def test_base64_of_bytes() -> None:
    """The standard alphabet with padding gives the bytes."""
    assert parse_base64("AA==", "sig") == b"\0"
    assert parse_base64("+/+/", "sig") == b"\xfb\xff\xbf"


@pytest.mark.parametrize(
    "check",
    [
        lambda: check_ref("refs/heads"),
        lambda: check_ref("refs//main"),
        lambda: check_ref("refs/h1/main"),
        lambda: check_ref("refs/heads/.."),
        lambda: check_seq(0),
        lambda: check_seq(2**53),
        lambda: utf8("\ud800"),
    ],
)
def test_names_and_positions_are_bounded(check: Callable[[], object]) -> None:
    """What is no full ref name, no position and no text is refused."""
    with pytest.raises(HanseError):
        check()


def test_the_signature_can_be_left_out() -> None:
    """A field named in `without` is not in the bytes."""
    leaf = replace(REF, key="ab" * 32, sig="AAAA")
    assert leaf_bytes(leaf, without="sig") == leaf_bytes(leaf).replace(b'"sig":"AAAA",', b"")


def test_written_leaves_stay_below_the_bound() -> None:
    """A leaf over 2 KiB is not written."""

    class Long:
        kind, must, time = "ref", True, 0

        def body(self) -> dict[str, str]:
            return {"x": "y" * MAX_OWN_LEAF_BYTES}

    with pytest.raises(TooLarge):
        leaf_bytes(Long())
    with pytest.raises(BadFormat):
        check_ref(RefName("main"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Z",
        "2026-11-22T08:03:24",
        "2026-11-22T08:03:24+00:00",
        "2026-11-22T09:03:24+01:00",
        "2026-11-22 08:03:24Z",
        "2026-W47-7T08:03:24Z",
        "20261122T080324Z",
        "2026-11-22T08:03:24.0Z",
        "2026-11-22T08:03Z",
        "2026-11-22T08:03:24z",
    ],
)
def test_a_time_has_one_form(text: str) -> None:
    """What ISO 8601 allows besides is refused: offsets, weeks, no separators, fractions, no seconds, lower case."""
    with pytest.raises(BadFormat):
        parse_time(text)
