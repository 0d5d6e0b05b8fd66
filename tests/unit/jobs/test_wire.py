"""Frames between the pool and its workers."""

from __future__ import annotations

import os
import socket

import pytest

from hanse.jobs import wire


def test_frames_come_out_as_they_went_in() -> None:
    """Kind and payload survive the way, whatever their size."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for payload in (b"", b"x", bytes(70_000)):
            wire.send(ours, wire.FACTS, payload)
            assert wire.receive(theirs, lambda _kind: 1 << 20) == (wire.FACTS, payload)


def test_a_frame_beyond_its_bound_is_not_taken_in() -> None:
    """The length is looked at before a byte of the payload is read."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(wire.HEAD.pack(wire.FACTS, 2**32 - 1))
        with pytest.raises(wire.BrokenFrame, match="4294967295"):
            wire.receive(theirs, lambda _kind: 10)


def test_a_closed_connection_is_no_frame() -> None:
    """What ends in the middle is broken, not short."""
    ours, theirs = socket.socketpair()
    with theirs:
        ours.sendall(wire.HEAD.pack(wire.FACTS, 5) + b"ab")
        ours.close()
        with pytest.raises(wire.BrokenFrame):
            wire.receive(theirs, lambda _kind: 10)


def test_descriptors_travel() -> None:
    """A descriptor sent along can be read from at the other end."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        left, right = os.pipe()
        wire.send(ours, wire.OPENED, b"p", [left])
        _, files, _, _ = socket.recv_fds(theirs, wire.HEAD.size, 1)
        os.write(right, b"through")
        assert os.read(files[0], 10) == b"through"
        for file in (left, right, *files):
            os.close(file)


def test_items_are_packed_and_unpacked() -> None:
    """Several byte strings are one payload; a cut one is refused."""
    items = [b"", b"a", b"bc" * 100]
    packed = wire.pack_items(items)
    assert wire.unpack_items(packed) == items
    for cut in (1, 5, len(packed) - 1):
        with pytest.raises(wire.BrokenFrame):
            wire.unpack_items(packed[:-cut])
