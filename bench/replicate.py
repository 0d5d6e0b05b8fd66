"""Copies among members: bytes that a fine-tune moves, and how much of a stated rate a repair makes use of."""

from __future__ import annotations

import hashlib
import random
import time
from contextlib import closing
from pathlib import Path

from tests.support.attesting import settle
from tests.support.copying import Pair, pair
from tests.support.nodes import add_user, commit, new_repo

from bench.common import Bench, Row
from hanse.db import copies
from hanse.flows.ingest import FileIngest
from hanse.flows.publish import PutFile
from hanse.flows.replicate.background import Setup
from hanse.flows.replicate.plan import Wishes, take_note
from hanse.model.digest import Sha256

_MOST = 192 << 20
_PIECE = 1 << 20
RATE = 16 << 20
"""Bytes a second that the repair is allowed."""


def run(bench: Bench) -> list[Row]:
    """Copy a model, then a fine-tune of it that shares nine tenths, then another model under a rate."""
    size = min(bench.size, _MOST)
    base = _random(1, size)
    tuned = bytearray(base)
    for part in range(10):  # a tenth of each layer is another one
        at = part * (size // 10)
        tuned[at : at + size // 100] = random.Random(part + 2).randbytes(size // 100)
    other = _random(99, size)
    with pair(Path(bench.folder), capacity=10 * size + (1 << 30)) as two:
        moved, seconds, cpu = zip(
            *(_copied(two, name, bytes(data)) for name, data in (("base", base), ("tuned", tuned))), strict=True
        )
        _, limited, _ = _copied(two, "other", other, rate=RATE)
    shares = 1 - sum(left != right for left, right in zip(base[::64], tuned[::64], strict=True)) / len(base[::64])
    mib = size / (1 << 20)
    return [
        Row(
            f"bytes moved of {mib:.0f} MiB that share {100 * shares:.0f} % with what is here",
            f"{100 * moved[1] / size:.1f} %",
            "<= 12 %",
        ),
        Row("bytes moved of a model of which nothing is here", f"{100 * moved[0] / size:.1f} %", ""),
        Row("processor seconds of both ends a GiB: new, fine-tune", f"{cpu[0] * 1024 / mib:.1f}, {cpu[1] * 1024 / mib:.1f}", ""),
        Row("wall seconds: new, fine-tune", f"{seconds[0]:.1f}, {seconds[1]:.1f}", ""),
        Row(f"repair at {RATE >> 20} MiB/s: share of the rate in use", f"{100 * size / RATE / limited:.0f} %", ">= 90 %"),
    ]


def _random(seed: int, size: int) -> bytes:
    """Return random bytes; the standard library makes at most 256 MiB less one byte at once."""
    source = random.Random(seed)
    return b"".join(source.randbytes(min(_PIECE, size - at)) for at in range(0, size, _PIECE))


def _copied(two: Pair, name: str, data: bytes, *, rate: int = 0) -> tuple[int, float, float]:
    """Publish a file at home and copy it; return bytes fetched, seconds until the last of them, processor seconds."""
    _publish(two, f"alice/{name}", data)
    with closing(two.copier(Setup(Wishes(pins=("*/*",)), rate=rate))) as copier:
        take_note(two.node, two.view(), copier.setup.wishes)
        (row,) = [one for one in two.rows() if one.state == copies.WANTED]
        began, used = time.perf_counter(), time.process_time()
        copier.copy(two.view(), row)
        seconds, cpu = time.perf_counter() - began, time.process_time() - used
        return copier.pace.taken, seconds, cpu


def _publish(two: Pair, path: str, data: bytes) -> None:
    alice = add_user(two.home, "alice")
    repo = new_repo(two.home, alice, path)
    digest = Sha256(hashlib.sha256(data).hexdigest())
    with FileIngest(two.home, alice, repo, sha256=digest, size=len(data)) as ingest:
        for at in range(0, len(data), _PIECE):
            ingest.feed(data[at : at + _PIECE])
        ingest.finish()
    commit(two.home, alice, repo, PutFile("model.bin", digest, len(data)))
    settle(two.home)
    two.follow()
