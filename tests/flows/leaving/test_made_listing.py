"""The listing of a revision says what the node recorded of it."""

from __future__ import annotations

import msgspec
from tests.flows.leaving.conftest import Left

from hanse.db import revisions
from hanse.flows.leaving.listing import Listing
from hanse.flows.leaving.made_listing import make_listing


def test_what_it_says(left: Left) -> None:
    """Every file with its blob id, the commit's own text, and its words."""
    with left.node.db.read() as conn:
        revision = revisions.get(conn, left.repo.id, left.revs[1])
    assert revision is not None
    found = msgspec.json.decode(make_listing(left.node, left.repo, revision), type=Listing)
    assert (found.rev, found.title, found.gated) == (left.revs[1], "version 1", False)
    assert found.commit.startswith("tree ")
    listing = left.node.listings.get(left.node.store, revision.object)
    assert found.files == [(one.path, one.git_oid, one.lfs) for one in listing.directory.entries()]
