"""The request of C2SP tlog-witness and the size in its refusal."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support.memorylog import MemoryLog

from hanse.errors import BadFormat, TooLarge
from hanse.tlog.addcheckpoint import MAX_REQUEST_BYTES, UnverifiedRequest, encode_size, parse_request, parse_size

EXAMPLE = b"""old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

"""
SIGNED = EXAMPLE + (
    b"\xe2\x80\x94 example.com/behind-the-sofa "
    b"Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
)


def body() -> bytes:
    """Return an honest request from size 7 to size 12."""
    log = MemoryLog()
    log.grow(12)
    return log.request(7)


def test_the_example_of_the_specification() -> None:
    """The request printed in tlog-witness parses and encodes to the same bytes."""
    found = parse_request(SIGNED)
    assert (found.old, len(found.proof)) == (20852014, 4)
    assert found.note.startswith(b"example.com/behind-the-sofa\n20852163\n")
    assert found.encode() == SIGNED


def test_an_empty_proof() -> None:
    """From size 0 no hashes stand between the size and the empty line."""
    note = b"note text\n\nsignature\n"
    assert UnverifiedRequest(0, (), note).encode() == b"old 0\n\n" + note
    assert parse_request(b"old 0\n\n" + note) == UnverifiedRequest(0, (), note)


def test_63_lines_of_proof_are_the_most() -> None:
    """64 are refused before any is decoded."""
    assert len(parse_request(UnverifiedRequest(1, (bytes(32),) * 63, b"").encode()).proof) == 63
    with pytest.raises(BadFormat, match="at most 63"):
        parse_request(UnverifiedRequest(1, (bytes(32),) * 64, b"").encode())


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body[:0],
        lambda body: body.replace(b"old 7", b"old 07"),
        lambda body: body.replace(b"old 7", b"old -7"),
        lambda body: body.replace(b"old 7", b"old 7 "),
        lambda body: body.replace(b"old 7", b"old  7"),
        lambda body: body.replace(b"old 7", b"Old 7"),
        lambda body: body.replace(b"old 7", b"old \xd9\xa7"),
        lambda body: body.replace(b"old 7", b"old " + b"9" * 400),
        lambda body: body.replace(b"\n", b"\r\n"),
        lambda body: body.replace(b"old 7\n", b""),
        lambda body: body.replace(b"\n\n", b"\n", 1),
        lambda body: body.replace(b"=\n", b"==\n", 1),
        lambda body: body.replace(b"=\n", b"\n", 1),
        lambda body: body.replace(b"old 7\n", b"old 7\nAAAA\n"),
        lambda body: body.replace(b"old 7\n", b"old 7\n" + b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" * 64),
    ],
)
def test_every_other_way_to_write_it_is_refused(change: Callable[[bytes], bytes]) -> None:
    """Sizes and hashes have one form, lines end in a newline, and the head ends in an empty line."""
    with pytest.raises(BadFormat):
        parse_request(change(body()))


def test_a_request_is_bounded() -> None:
    """More than 512 KiB are refused unread."""
    with pytest.raises(TooLarge):
        parse_request(body() + bytes(MAX_REQUEST_BYTES))


def test_the_size_in_a_conflict() -> None:
    """It is one decimal line; everything else is refused."""
    assert parse_size(encode_size(20852163)) == 20852163
    for bad in (b"", b"7", b"07\n", b"7 \n", b"7\n\n", b"-7\n", b"9" * 60 + b"\n", b"\xff\n"):
        with pytest.raises(BadFormat):
            parse_size(bad)
