"""The listing of a revision, from what this node recorded of it (`hanse.flows.leaving.listing` says what it is)."""

from __future__ import annotations

import msgspec

from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.flows import records
from hanse.flows.leaving.listing import FORMAT, Listing
from hanse.flows.node import Node


def make_listing(node: Node, repo: Repo, revision: Revision) -> bytes:
    """Return the listing of a revision that is here whole."""
    record = records.load_revision(node.store, revision.object)
    entries = node.listings.get(node.store, revision.object).directory.entries()
    made = Listing(
        format=FORMAT,
        rev=revision.rev,
        commit=record.commit,
        title=revision.title,
        message=revision.message,
        author=revision.author,
        time=revision.created_at,
        gated=bool(repo.gated),
        files=[(entry.path, entry.git_oid, entry.lfs) for entry in entries],
    )
    return msgspec.json.encode(made, order="sorted")
