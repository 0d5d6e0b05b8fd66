"""A copy is a revision like any other: its tree is the signed one, it is found by name, and its evidence outlives its home."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest
from tests.support.attesting import wait
from tests.support.copying import HOME, Pair

from hanse.errors import Conflict, HanseError
from hanse.flows import access, evidence
from hanse.flows.replicate.signed import Asked, Signed, ask, read
from hanse.flows.replicate.take import Told, ask_told, take_copy
from hanse.model.actor import ANONYMOUS
from hanse.model.repo import RepoType
from hanse.peers.bulk import BulkClient
from hanse.peers.client import PeerClient
from hanse.peers.nodefiles import NodePlace

FILES = {"README.md": b"# m\n", "model.bin": bytes(700_000), "same.bin": bytes(700_000), "empty.txt": b""}


def _signed(two: Pair, rev: str) -> tuple[Asked, Signed]:
    asked = Asked(HOME, RepoType.MODEL, "alice/m", rev)
    with closing(PeerClient()) as client:
        return asked, ask(two.node, client, asked, [two.url])


def test_a_copy_is_what_was_signed(two: Pair) -> None:
    """Listing and names are the home's, doing it again changes nothing, and the copy's evidence shows what the home signed."""
    asked, signed = _signed(two, two.publish(FILES))
    told = ask_told(signed, ["http://127.0.0.1:9", two.url])
    assert not told.gated
    with closing(BulkClient()) as client:
        places = [NodePlace(client, two.url)]
        done = take_copy(two.node, signed, told, places, url=two.url)
        again = take_copy(two.node, signed, told, [], url=two.url)
    assert (done.revision.tree, again.revision.rev, again.index) == (signed.tree, done.revision.rev, None)
    listing = two.node.listings.get(two.node.store, done.revision.object).directory
    assert {one.path: (one.git_oid, one.lfs) for one in listing.entries()} == {
        path: (pin.git_oid, pin.lfs) for path, pin in told.pins.items()
    }
    wait(two.node)
    repo = access.resolve(two.node, ANONYMOUS, signed.repo)
    _, data = evidence.of_revision(two.node, repo, "main")
    assert read(two.node, data, asked).tree == signed.tree


def test_without_a_listing_git_names_are_guessed(two: Pair) -> None:
    """Where nobody says which files are pointers, small ones are taken as git's own; the tree is the same."""
    _, signed = _signed(two, two.publish(FILES))
    with closing(BulkClient()) as client:
        done = take_copy(two.node, signed, Told(), [NodePlace(client, two.url)], url="")
    assert done.revision.tree == signed.tree


def test_nobody_answers_for_the_node_itself(two: Pair) -> None:
    """Names of this node's own origin are never copied, and nobody's answer about gating is none."""
    _, signed = _signed(two, two.publish({"a": b"1"}))
    mine = replace(signed, repo=replace(signed.repo, origin=two.node.origin))
    with pytest.raises(HanseError) as caught:
        take_copy(two.node, mine, Told(), [], url="")
    assert not isinstance(caught.value, Conflict)
    assert ask_told(signed, []) == Told()
