"""Opcodes: the tables against the standard library's description."""

from __future__ import annotations

import pickletools

from hanse.scan.pickle import opcodes as op


def test_every_opcode_is_known() -> None:
    """The table has exactly the opcodes that pickletools describes."""
    assert {ord(one.code) for one in pickletools.opcodes} == op.KNOWN


def test_constants_without_a_payload_have_their_length() -> None:
    """What the loop skips in one step is as long as pickletools says."""
    for one in pickletools.opcodes:
        size = op.FIXED[ord(one.code)]
        if size:
            assert size == 1 + (one.arg.n if one.arg else 0)


def test_reads_of_an_opcode() -> None:
    """Length and payload are separate reads, and so are two lines."""
    assert op.reads(b"X\x02\x00\x00\x00ab.", 0) == [1, 4, 2]
    assert op.reads(b"cos\nsystem\n.", 0) == [1, 3, 7]
    assert op.reads(b"Sabc", 0) == [1, 3]
    assert op.reads(b"K\x01", 0) == [1, 1]
    assert op.reads(b"N", 0) == [1]
