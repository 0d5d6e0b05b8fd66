"""What a member signed is verified before anything is copied: by the federation's keys and the replayed log, whoever shows it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest
from tests.support.copying import HOME, Pair

from hanse.errors import HanseError, NotFoundError, VerificationFailed
from hanse.flows.fetch_evidence import fetch_evidence
from hanse.flows.replicate.signed import Asked, ask, read
from hanse.model.digest import Sha256
from hanse.model.repo import Origin, RepoType
from hanse.peers.client import PeerClient


def test_what_is_signed(two: Pair) -> None:
    """The files, and the branches that the log's map says are at the revision now; a former revision has none."""
    first = two.publish({"a.txt": b"one"})
    second = two.publish({"a.txt": b"two"})
    with closing(PeerClient()) as client:
        asked = Asked(HOME, RepoType.MODEL, "alice/m", second)
        found = ask(two.node, client, asked, ["http://127.0.0.1:9", two.url])
        assert (found.rev, found.refs, found.shown_by) == (second, ("refs/heads/main",), two.url)
        assert {one.path for one in found.files} == {".gitattributes", "a.txt"}
        assert found.size == sum(one.size or 0 for one in found.files)
        assert ask(two.node, client, replace(asked, revision=first), [two.url]).refs == ()


def test_what_is_not(two: Pair) -> None:
    """Another tree, another origin, altered bytes and silence are all no evidence."""
    rev = two.publish({"a.txt": b"one"})
    asked = Asked(HOME, RepoType.MODEL, "alice/m", rev)
    with closing(PeerClient()) as client:
        data = fetch_evidence(client, two.url, RepoType.MODEL, "alice/m", revision=rev)
        with pytest.raises(NotFoundError, match="nobody is there"):
            ask(two.node, client, asked, [])
        with pytest.raises(HanseError):
            ask(two.node, client, asked, ["http://127.0.0.1:9"])
    assert read(two.node, data, asked).rev == rev
    for wrong in (replace(asked, tree=Sha256("0" * 64)), replace(asked, origin=Origin("other.example"))):
        with pytest.raises(VerificationFailed):
            read(two.node, data, wrong)
    at = data.index(b'"payload":"') + 400
    with pytest.raises(HanseError):
        read(two.node, data[:at] + (b"B" if data[at : at + 1] == b"A" else b"A") + data[at + 1 :], asked)
