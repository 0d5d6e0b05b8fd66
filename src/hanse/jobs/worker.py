"""A worker process: reads files as the scanner does and gives back their facts. Started by `hanse.jobs.pool`, never by hand.

It knows no names, no catalogue and no secret; bytes come by frames or as open descriptors, and facts are all that it can say.
"""

from __future__ import annotations

import array
import gc
import os
import socket
import sys
from collections import OrderedDict
from collections.abc import Callable

from hanse.jobs import wire
from hanse.jobs.sandbox import allow_seconds, enclose
from hanse.model.canonical import canonical
from hanse.scan.dispatch import all_formats, extract
from hanse.scan.source import BytesSource, Source

_BLOCKS = 16


class RemoteSource:
    """A file whose bytes the node holds, read in aligned blocks of 1 MiB; the last 16 are kept."""

    def __init__(self, sock: socket.socket, size: int) -> None:
        self._sock = sock
        self.size = size
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""
        if offset < 0 or length <= 0:
            return b""
        end = min(offset + length, self.size)
        parts = []
        while offset < end:
            start = offset % wire.BLOCK
            part = self._block(offset // wire.BLOCK)[start : start + end - offset]
            parts.append(part)
            offset += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _block(self, number: int) -> bytes:
        found = self._blocks.get(number)
        if found is None:
            start = number * wire.BLOCK
            length = min(wire.BLOCK, self.size - start)
            wire.send(self._sock, wire.WANTED, wire.READ.pack(start, length))
            _, found = wire.receive(self._sock, lambda _kind: wire.BLOCK)
            if len(found) != length:
                raise wire.BrokenFrame("a short answer")
            self._blocks[number] = found
            if len(self._blocks) > _BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        return found


class OpenedSource:
    """A file that came as an open descriptor."""

    def __init__(self, file: int, size: int) -> None:
        self._file = file
        self.size = size

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""
        return os.pread(self._file, min(length, max(0, self.size - offset)), offset) if offset >= 0 and length > 0 else b""


def facts_of(source: Source) -> bytes:
    """Return the canonical JSON of a file's facts."""
    return canonical(extract(source).to_json())


def _opinion_of(source: Source) -> bytes:
    from hanse.jobs.opinion import opinion_of  # noqa: PLC0415 twice the time that the other task's worker needs to start

    return opinion_of(source)


def _job(sock: socket.socket) -> tuple[int, bytes, list[int]]:
    """Return the next job: its kind, its payload and its descriptors."""
    space = socket.CMSG_SPACE(array.array("i").itemsize)
    head, ancillary, _, _ = sock.recvmsg(wire.HEAD.size, space)
    files: list[int] = []
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            files += array.array("i", data[: len(data) - len(data) % 4])
    if not head:
        sys.exit(0)
    head += wire.exactly(sock, wire.HEAD.size - len(head))
    number, length = wire.HEAD.unpack(head)
    return number, wire.exactly(sock, length), files


TASKS: dict[str, Callable[[Source], bytes]] = {"facts": facts_of, "picklescan": _opinion_of}
"""What a worker may be there for, by name."""


def _answer(sock: socket.socket, task: Callable[[Source], bytes], kind: int, payload: bytes, files: list[int]) -> bytes:
    if kind == wire.BATCH:
        return wire.pack_items([task(BytesSource(data)) for data in wire.unpack_items(payload)])
    (size,) = wire.SIZE.unpack(payload)
    source = OpenedSource(files[0], size) if kind == wire.OPENED else RemoteSource(sock, size)
    return wire.pack_items([task(source)])


def serve(sock: socket.socket, seconds: int, task: Callable[[Source], bytes] = facts_of) -> None:
    """Answer jobs until the node closes the connection."""
    while True:
        kind, payload, files = _job(sock)
        allow_seconds(seconds)
        try:
            answer = _answer(sock, task, kind, payload, files)
        except MemoryError:
            wire.send(sock, wire.FAILED)
            continue
        finally:
            for file in files:
                os.close(file)
        wire.send(sock, wire.FACTS, answer)


def work(sock: socket.socket, seconds: int, memory: int, task: Callable[[Source], bytes]) -> None:
    """Give up every right that reading does not need, say which, and answer jobs. seconds: of one job; memory: bytes."""
    task(BytesSource(b""))  # imports what the task needs while that is still allowed
    if task is facts_of:
        all_formats()  # now, not while the first file waits for it
    gc.freeze()  # what is there now stays: neither collected again nor copied by a fork
    held = enclose(memory)
    wire.send(sock, wire.FACTS, " ".join(held).encode())
    serve(sock, seconds, task)


def main(arguments: list[str]) -> None:
    """Serve the connection on standard input. arguments: seconds of a job, bytes of memory, name of the task."""
    work(socket.socket(fileno=0), int(arguments[0]), int(arguments[1]), TASKS[arguments[2]])
