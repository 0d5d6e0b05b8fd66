"""A second upload of nearly the same file: bytes sent and bytes stored beside the size of the file."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from tests.support.relay import Relay

from bench.common import Bench, Row, client


def _contiguous(data: bytearray, rng: random.Random) -> None:
    count = len(data) // 100
    start = rng.randrange(len(data) - count)
    data[start : start + count] = rng.randbytes(count)


def _scattered(data: bytearray, rng: random.Random) -> None:
    for _ in range(100):
        start = rng.randrange(len(data) - 64)
        data[start : start + 64] = rng.randbytes(64)


def _stored(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def run(bench: Bench) -> list[Row]:
    """Upload a file, edit it, upload it again from a client that remembers nothing."""
    rows = []
    edits: dict[str, tuple[Callable[[bytearray, random.Random], None], str]] = {
        "one contiguous 1 % replaced": (_contiguous, "<= 3 %"),
        "100 scattered edits of 64 bytes": (_scattered, "<= 6 %"),
    }
    for number, (name, (edit, reach)) in enumerate(edits.items()):
        one = Bench(bench.folder / str(number), bench.size, 1)
        one.folder.mkdir()
        big = one.random_file(seed=40 + number)
        with one.node() as node, Relay(node.port) as relay:
            node.url = relay.url
            client(one, node, "first").hf("upload", "admin/big", big)
            data = bytearray(big.read_bytes())
            edit(data, random.Random(3))
            big.write_bytes(data)
            del data
            stored, sent = _stored(node.data / "objects"), relay.sent
            client(one, node, "second").hf("upload", "admin/big", big)
            more = _stored(node.data / "objects") - stored
            rows.append(Row(f"bytes sent, {name}", f"{100 * (relay.sent - sent) / bench.size:.2f} %", reach))
            rows.append(Row(f"bytes stored, {name}", f"{100 * more / bench.size:.2f} %", reach))
    return rows
