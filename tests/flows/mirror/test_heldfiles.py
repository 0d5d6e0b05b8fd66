"""What the machine's held store has is not fetched for a mirror."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.upstreams import FILES, NAME, upstream

from hanse.errors import BlobNotFound
from hanse.flows.mirror.heldfiles import held_local
from hanse.flows.mirror.intake import Options
from hanse.flows.mirror.journey import mirror
from hanse.flows.node import Node
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
        assert not [one for one in origin.requests if one.path.endswith("model.safetensors") and one.method == "GET"]
        copy.write_bytes(b"other")
        with pytest.raises(BlobNotFound):
            b"".join(reading())
