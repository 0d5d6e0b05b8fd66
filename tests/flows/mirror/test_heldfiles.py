"""What the machine's held store has is not fetched for a mirror."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.memoryplaces import MemoryPlace, pin_of
from tests.support.upstreams import FILES, NAME, upstream

from hanse.errors import BlobNotFound, PeerDown
from hanse.flows.mirror.heldfiles import held_local, shown
from hanse.flows.mirror.intake import Options
from hanse.flows.mirror.journey import mirror
from hanse.flows.node import Node
from hanse.flows.pull.proof import PROOF
from hanse.model.repo import RepoType
from hanse.store.held.store import Held


def test_held_bytes_are_taken(lite: Node, tmp_path: Path) -> None:
    """A file that is held is read there; one that was changed behind the store's back is fetched."""
    with Held.open(tmp_path / "held") as held, upstream() as (origin, hub):
        pin = origin.pins(NAME)["model.safetensors"]
        assert held_local(held)(pin) is None
        copy = tmp_path / "copy"
        copy.write_bytes(FILES["model.safetensors"])
        assert pin.sha256 is not None
        held.adopt(copy, pin.sha256, None, None, pin.size)
        reading = held_local(held, 1.0)(pin)
        assert reading is not None
        assert b"".join(reading()) == FILES["model.safetensors"]
        mirror(lite, hub, RepoType.MODEL, NAME, options=Options(held=held_local(held)))
        assert origin.bytes_sent < PROOF + 10_000, "no more than the proof that the origin has them"
        copy.write_bytes(b"other")
        with pytest.raises(BlobNotFound):
            b"".join(reading())


def test_a_digest_is_no_proof() -> None:
    """Who cannot show a piece of a held file, or shows another, does not get it published here."""
    data = bytes(range(251)) * 1000
    pin = pin_of("x", data)

    def local() -> Iterator[bytes]:
        yield from (data[at : at + 1000] for at in range(0, len(data), 1000))

    assert shown(pin, local, [MemoryPlace(data)]) is local
    assert shown(pin, local, [MemoryPlace(b"!" * len(data))]) is None
    assert shown(pin, local, [MemoryPlace(data, [(0, PeerDown("gone"))])]) is None
    assert shown(pin, local, []) is None
    assert shown(pin, None, [MemoryPlace(data)]) is None
