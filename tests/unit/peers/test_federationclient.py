"""What a server has of federations, read with bounds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hanse.errors import HanseError
from hanse.model.repo import Origin
from hanse.peers.federationclient import MAX_LISTED, Claimed, parse_list

GOOD = {"name": "hanse.example", "first": "a" * 64, "root": 2, "targets": 3}


def test_what_there_is() -> None:
    """A list is read up to its bound."""
    found = Claimed(Origin("hanse.example"), "a" * 64, 2, 3)
    assert parse_list(json.dumps({"federations": [GOOD]}).encode()) == [found]
    assert len(parse_list(json.dumps({"federations": [GOOD] * 200}).encode())) == MAX_LISTED


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"federations": 1},
        {"federations": [1]},
        {"federations": [GOOD | {"root": 0}]},
        {"federations": [GOOD | {"targets": "1"}]},
        {"federations": [GOOD | {"name": "A B"}]},
    ],
)
def test_what_is_no_list(wrong: Any) -> None:
    """An answer that is no list of federations is an error of that server."""
    with pytest.raises(HanseError):
        parse_list(json.dumps(wrong).encode())
