"""Whoever replays a node's log reaches the refs that the node has: part of the whole-world check."""

from __future__ import annotations

from collections.abc import Sequence

from hanse.db import revisions
from hanse.db.repos import Repo
from hanse.flows.node import Node
from hanse.model.conceal import conceal_value
from hanse.model.repo import Origin, RepoType
from hanse.tlog.replay import Replay

Known = dict[tuple[str, str, str, str], tuple[int, str, str]]
"""(origin, type, repo, ref) -> (seq, rev, tree), all as leaves have them."""


def catalogue_refs(node: Node, every: Sequence[Repo]) -> Known:
    """Return the refs of live repositories in the catalogue, deleted ones with zeros, as a reader of the log sees them."""
    found = Known()
    for repo in every:
        if repo.state != "live":
            continue
        with node.db.read() as conn:
            rows = revisions.all_refs(conn, repo.id, deleted=True)
        for row in rows:
            name, ref, rev, tree = (
                text if repo.salt is None else conceal_value(repo.salt, field, text)
                for field, text in (("repo", repo.repo.folded), ("ref", row.ref), ("rev", row.rev), ("tree", row.tree))
            )
            found[repo.repo.origin, repo.repo.type.value, name, ref] = (row.seq, rev, tree)
    return found


def check_replay(node: Node, entries: Sequence[bytes], every: Sequence[Repo]) -> Replay:
    """Fail unless the log replays to exactly the refs in clear that the catalogue has, and to all of its concealed ones.

    Readers cannot know that concealed chains ended with a change that only shows in clear, so these stay in the map.
    """
    replay = Replay.start(node.origin, earlier=entries.__getitem__)
    replay.append(entries)
    known = catalogue_refs(node, every)
    newest = {key: replay.newest(RepoType(key[1]), key[2], key[3], Origin(key[0])) for key in known}
    assert {key: one and (one.seq, str(one.rev), str(one.tree)) for key, one in newest.items()} == known
    shown = {(str(one.origin), one.type.value, one.repo, str(one.ref)) for one in replay.positions()}
    assert {key for key in shown - known.keys() if "/" in key[2]} == set()
    return replay
