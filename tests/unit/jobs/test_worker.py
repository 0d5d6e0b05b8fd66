"""The worker's side of the conversation, in this process."""

from __future__ import annotations

import json
import os
import socket
import threading
from pathlib import Path

from hanse.jobs import wire
from hanse.jobs.worker import OpenedSource, RemoteSource, facts_of
from hanse.scan.source import BytesSource

DATA = bytes(range(256)) * 10_000


def _answer(sock: socket.socket, asked: list[tuple[int, int]]) -> None:
    while True:
        try:
            _, payload = wire.receive(sock, lambda _kind: 100)
        except wire.BrokenFrame:
            return
        offset, length = wire.READ.unpack(payload)
        asked.append((offset, length))
        wire.send(sock, wire.BYTES, DATA[offset : offset + length])


def test_remote_bytes_are_read_ahead_in_blocks() -> None:
    """Reads of any shape give the file's bytes; near ones cost one question."""
    ours, theirs = socket.socketpair()
    asked: list[tuple[int, int]] = []
    thread = threading.Thread(target=_answer, args=(theirs, asked))
    thread.start()
    source = RemoteSource(ours, len(DATA))
    for offset, length in ((0, 10), (5, 100), (wire.BLOCK - 1, 2), (len(DATA) - 1, 50), (-1, 5), (len(DATA) + 9, 5), (3, -1)):
        expected = DATA[offset : offset + length] if offset >= 0 and length > 0 else b""
        assert source.read_at(offset, length) == expected
    ours.close()
    thread.join(120)
    theirs.close()
    assert asked == [(0, wire.BLOCK), (wire.BLOCK, wire.BLOCK), (2 * wire.BLOCK, len(DATA) - 2 * wire.BLOCK)]


def test_opened_files_are_read_by_position(tmp_path: Path) -> None:
    """A descriptor gives no byte beyond the size that was told."""
    path = tmp_path / "f"
    path.write_bytes(b"0123456789")
    file = os.open(path, os.O_RDONLY)
    source = OpenedSource(file, 8)
    assert (source.read_at(6, 10), source.read_at(9, 1), source.read_at(-1, 1)) == (b"67", b"", b"")
    os.close(file)


def test_facts_are_canonical_json() -> None:
    """What is sent back parses, and says how large the file was."""
    assert json.loads(facts_of(BytesSource(b"hello")))["size"] == 5
