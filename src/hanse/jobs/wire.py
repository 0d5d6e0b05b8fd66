"""Frames between the pool and its workers: one byte kind, four bytes length, then so many bytes.

The node sends a job and answers reads; the worker asks for bytes and gives facts. Neither side ever waits to send while the
other does: a worker reads a whole job before it says anything. What a worker sends is never trusted: lengths are bounded
before a byte is taken in.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Sequence

HEAD = struct.Struct("<BI")
READ = struct.Struct("<QI")
SIZE = struct.Struct("<Q")
LENGTH = struct.Struct("<I")
BATCH, REMOTE, OPENED, BYTES, WANTED, FACTS, FAILED = range(1, 8)
"""Kinds: several small files whole; a file whose bytes are asked for; a file as open descriptor; the answer to a read; a read;
facts of every file of a job; the job ran out of memory."""
BLOCK = 1024 * 1024
"""Bytes of one read at most, and the size of the pieces that a worker reads ahead by."""
MAX_BATCH = 8 * BLOCK
"""Bytes of small files in one job at most."""
MAX_FACTS = 16 * BLOCK
"""Bytes of the facts of one file, or of all files of a batch, at most."""


class BrokenFrame(Exception):
    """The other side closed the connection or sent what no frame is."""


def send(sock: socket.socket, kind: int, payload: bytes | memoryview = b"", files: Sequence[int] = ()) -> None:
    """Send one frame, with open descriptors if given; raises OSError."""
    head = HEAD.pack(kind, len(payload))
    if files:
        socket.send_fds(sock, [head], list(files))
        sock.sendall(payload)
    elif len(payload) < BLOCK:
        sock.sendall(head + payload)
    else:
        sock.sendall(head)
        sock.sendall(payload)


def receive(sock: socket.socket, bound: Callable[[int], int], before: Callable[[], None] = lambda: None) -> tuple[int, bytes]:
    """Return the next frame's kind and payload.

    bound: most bytes that a payload of a kind may have; before: called ahead of every wait, to set the socket's time limit.
    Raises BrokenFrame, or OSError (TimeoutError included).
    """
    kind, length = HEAD.unpack(exactly(sock, HEAD.size, before))
    if length > bound(kind):
        raise BrokenFrame(f"a frame of kind {kind} with {length} bytes")
    return kind, exactly(sock, length, before)


def exactly(sock: socket.socket, length: int, before: Callable[[], None] = lambda: None) -> bytes:
    """Return the next `length` bytes; raises BrokenFrame or OSError."""
    parts: list[bytes] = []
    missing = length
    while missing:
        before()
        part = sock.recv(min(missing, BLOCK))
        if not part:
            raise BrokenFrame("the connection was closed")
        parts.append(part)
        missing -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def pack_items(items: Sequence[bytes]) -> bytes:
    """Return several byte strings as one payload."""
    return b"".join(part for item in items for part in (LENGTH.pack(len(item)), item))


def unpack_items(payload: bytes) -> list[bytes]:
    """Return the byte strings in a payload; raises BrokenFrame."""
    found, at = [], 0
    while at < len(payload):
        if at + LENGTH.size > len(payload):
            raise BrokenFrame("a cut length")
        (length,) = LENGTH.unpack_from(payload, at)
        at += LENGTH.size
        if at + length > len(payload):
            raise BrokenFrame("a cut item")
        found.append(payload[at : at + length])
        at += length
    return found
