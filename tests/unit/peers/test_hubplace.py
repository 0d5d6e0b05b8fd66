"""Places of a revision at a Hub; reading from them is proved in tests/contract/test_hub.py and test_xet.py."""

from __future__ import annotations

import pytest

from hanse.errors import BadRepoId
from hanse.model.digest import EMPTY_XET, GitOid
from hanse.model.filepin import FilePin
from hanse.model.repo import RepoType
from hanse.peers.hub import Hub

EMPTY = FilePin("a", 0, GitOid("a" * 40), lfs=False, xet=EMPTY_XET)


def test_nothing_is_asked_for_nothing() -> None:
    """An empty file has no bytes and no chunks, and a place is called by host and port."""
    place = Hub("http://127.0.0.1:1").place(RepoType.MODEL, "o/n", "main")
    assert place.name == "127.0.0.1:1"
    assert list(place.read(EMPTY, 0, 0)) == []
    assert place.chunk_list(EMPTY) is None
    assert place.chunk_list(FilePin("a", 5, GitOid("a" * 40), lfs=False)) is None


def test_names() -> None:
    """Only names of repositories become parts of an address; the oldest ones have no namespace."""
    hub = Hub("http://127.0.0.1:1")
    hub.place(RepoType.MODEL, "gpt2", "main")
    for bad in ("", "a/b/c", "../x", "a/..", "a b/c", "a/b?x=1"):
        with pytest.raises(BadRepoId):
            hub.place(RepoType.MODEL, bad, "main")
