"""Ports that stay one's own: below those that the system gives out, in blocks of which each belongs to one process."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Iterator

_FIRST, _BLOCKS, _SIZE = 15_000, 160, 100
"""Systems give out ports from 32,768 on; what is given back there may be anybody's a moment later."""


def own_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens at, and that no other process of the tests is given."""
    for port in itertools.islice(_ports(), 2 * _SIZE):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("no port of this process is free")


def _ports() -> Iterator[int]:
    """Go on through the ports of this process; a forked one begins a block of its own."""
    if os.getpid() not in _cycles:
        first = _block()
        _cycles[os.getpid()] = itertools.cycle(range(first + 1, first + _SIZE))
    return _cycles[os.getpid()]


def _block() -> int:
    """Return the first port of a block that is nobody's; a UDP socket there, open as long as this process, says whose it is."""
    for number in range(_BLOCKS):
        first = _FIRST + (os.getpid() + number) % _BLOCKS * _SIZE
        mark = socket.socket(type=socket.SOCK_DGRAM)
        try:
            mark.bind(("127.0.0.1", first))
        except OSError:
            mark.close()
            continue
        mark.detach()
        return first
    raise AssertionError("all blocks of ports are taken")


_cycles: dict[int, Iterator[int]] = {}
