"""Small files are checked before they are stored, and stored together."""

from __future__ import annotations

import pytest
from tests.support.memoryplaces import pin_of

from hanse.errors import DigestMismatch
from hanse.flows.mirror.rows import open_mirror
from hanse.flows.mirror.small import checked_small, take_small
from hanse.flows.node import Node
from hanse.model.repo import Origin, RepoId, RepoType


def test_only_what_was_claimed(lite: Node) -> None:
    """Rows come in the order of the pins; bytes with another git blob id raise."""
    repo = open_mirror(lite, RepoId(Origin("up.example"), RepoType.MODEL, "org", "m"), "")
    contents = {f"{number}.txt": b"%d" % number for number in range(5)}
    pins = [pin_of(path, data, lfs=False) for path, data in contents.items()]
    rows = take_small(lite, repo, pins, lambda pin: checked_small(pin, contents[pin.path]), at_once=2)
    assert [row.size for row in rows] == [1] * 5
    assert len({row.sha256 for row in rows}) == 5
    assert take_small(lite, repo, pins[:1], lambda _: b"0", at_once=2) == rows[:1]
    with pytest.raises(DigestMismatch, match="git blob"):
        checked_small(pins[0], b"1")
